package main

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func transactions() {
	check(create("input", 1, nil))
	check(create("output", 1, nil))
	produce("input", 10)
	options := []kgo.Opt{kgo.TransactionalID("t"), kgo.DefaultProduceTopic("output"), kgo.TransactionTimeout(time.Minute)}
	committed := func(count int) map[place]string {
		return read("output", count, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	send := func(producer *kgo.Client, name string) {
		for i := range 10 {
			check(producer.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(name, i))).FirstErr())
		}
	}
	producer := client(options...)
	defer producer.Close()
	expected := map[place]string{}
	for n, name := range []string{"kept", "gone", "kept too"} {
		check(producer.BeginTransaction())
		send(producer, name)
		check(producer.EndTransaction(ctx, kgo.TransactionEndTry(name != "gone")))
		for i := range 10 {
			// Each marker has an offset of its own.
			if name != "gone" {
				expected[place{0, int64(11*n + i)}] = fmt.Sprint(name, i)
			}
		}
	}
	same(committed(20), expected)
	same(len(read("output", 30)), 30)

	// What is open holds back those who read committed records, though not the others.
	check(producer.BeginTransaction())
	check(producer.ProduceSync(ctx, kgo.StringRecord("open")).FirstErr())
	stable, err := admin.ListCommittedOffsets(ctx, "output")
	check(err)
	same([]int64{stable["output"][0].Offset, ends("output")[0]}, []int64{33, 34})

	// Another with the same id aborts that, and the first is out.
	other := client(options...)
	defer other.Close()
	waitFor("the other may begin", func() bool {
		_, _, err := other.ProducerID(ctx)
		return err == nil
	})
	refused(producer.EndTransaction(ctx, kgo.TryCommit), kerr.ProducerFenced)
	same(committed(20), expected)

	// Offsets belong to the transaction: what comes in goes out once.
	pipe := append(options, kgo.ConsumerGroup("pipe"), kgo.ConsumeTopics("input"), kgo.RequireStableFetchOffsets())
	pipe = append(pipe, kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		session, err := kgo.NewGroupTransactSession(append(pipe, kgo.SeedBrokers(address()...))...)
		check(err)
		taken := 0
		for taken < 10 {
			fetches := session.PollFetches(ctx)
			check(fetches.Err())
			if taken == 0 {
				check(session.Begin())
			}
			fetches.EachRecord(func(record *kgo.Record) {
				taken++
				session.Produce(ctx, &kgo.Record{Value: record.Value}, nil)
			})
		}
		done, err := session.End(ctx, end)
		check(err)
		same(done, bool(end))
		session.Close()
		fetched, err := admin.FetchOffsets(ctx, "pipe")
		check(err)
		offset, found := fetched.Lookup("input", 0)
		same(found, bool(end))
		if found {
			same(offset.At, int64(10))
		}
	}
	same(len(committed(30)), 30)
}
