// franz-go: a producer for each compression, then two consumers in one group, with two assignors.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topic      = "records"
	partitions = 3
	each       = 6
	limit      = 60 * time.Second
)

var codecs = []struct {
	name  string
	codec kgo.CompressionCodec
}{
	{"none", kgo.NoCompression()},
	{"gzip", kgo.GzipCompression()},
	{"snappy", kgo.SnappyCompression()},
	{"lz4", kgo.Lz4Compression()},
	{"zstd", kgo.ZstdCompression()},
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for _, c := range codecs {
		produce(ctx, c.name, c.codec)
	}
	total := int64(each * len(codecs))
	for _, balancer := range []kgo.GroupBalancer{kgo.RangeBalancer(), kgo.CooperativeStickyBalancer()} {
		group := "franz-go-" + balancer.ProtocolName()
		first := join(ctx, group, "first", balancer)
		waitFor(ctx, func() bool { return first.seen.Load() == total && first.assigned.Load() == partitions })
		second := join(ctx, group, "second", balancer)
		waitFor(ctx, func() bool { return second.assigned.Load() > 0 && first.assigned.Load() < partitions })
		second.leave(ctx)
		waitFor(ctx, func() bool { return first.assigned.Load() == partitions })
		first.leave(ctx)
	}
}

func client(options ...kgo.Opt) *kgo.Client {
	made, err := kgo.NewClient(append(options, kgo.SeedBrokers(os.Getenv("BOOTSTRAP")))...)
	check(err)
	return made
}

func produce(ctx context.Context, name string, codec kgo.CompressionCodec) {
	producer := client(kgo.ClientID("producer-"+name), kgo.ProducerBatchCompression(codec))
	defer producer.Close()
	for i := 0; i < each; i++ {
		err := producer.ProduceSync(ctx, &kgo.Record{
			Topic:   topic,
			Key:     []byte(fmt.Sprintf("key-%d", i)),
			Value:   []byte(strings.Repeat(fmt.Sprintf("value %d with %s ", i, name), 8)),
			Headers: []kgo.RecordHeader{{Key: "origin", Value: []byte("franz-go")}, {Key: "null"}},
		}).FirstErr()
		check(err)
	}
}

// member is one consumer of the group, polling in a goroutine of its own.
type member struct {
	client   *kgo.Client
	seen     atomic.Int64
	assigned atomic.Int64
}

func join(ctx context.Context, group, name string, balancer kgo.GroupBalancer) *member {
	m := &member{}
	count := func(sign int64) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
			m.assigned.Add(sign * int64(len(changed[topic])))
		}
	}
	m.client = client(
		kgo.ClientID(name),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Balancers(balancer),
		kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.AutoCommitInterval(500*time.Millisecond),
		kgo.OnPartitionsAssigned(count(1)),
		kgo.OnPartitionsRevoked(count(-1)),
		kgo.OnPartitionsLost(count(-1)),
	)
	go func() {
		for {
			fetches := m.client.PollFetches(ctx)
			if fetches.IsClientClosed() || ctx.Err() != nil {
				return
			}
			m.seen.Add(int64(fetches.NumRecords()))
		}
	}()
	return m
}

func (m *member) leave(ctx context.Context) {
	check(m.client.LeaveGroupContext(ctx))
	m.client.Close()
}

func waitFor(ctx context.Context, done func() bool) {
	for !done() {
		check(ctx.Err())
		time.Sleep(50 * time.Millisecond)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
