// franz-go against a broker. Argument: its address. Says `ok STEP` after each step, and ends at the first that fails.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const patience = 3 * time.Minute

var (
	ctx   context.Context
	admin *kadm.Client
)

var steps = []struct {
	name string
	run  func()
}{
	{"records", records},
	{"group", groups},
	{"admin", administration},
	{"transactions", transactions},
}

func main() {
	var cancel context.CancelFunc
	ctx, cancel = context.WithTimeout(context.Background(), patience)
	defer cancel()
	// It keeps what it is told of topics as short as it can.
	admin = kadm.NewClient(client(kgo.MetadataMinAge(20 * time.Millisecond)))
	for _, step := range steps {
		if len(os.Args) == 2 || os.Args[2] == step.name {
			step.run()
			fmt.Println("ok", step.name)
		}
	}
}

func client(options ...kgo.Opt) *kgo.Client {
	made, err := kgo.NewClient(append(options, kgo.SeedBrokers(address()...))...)
	check(err)
	return made
}

func address() []string {
	return strings.Split(os.Args[1], ",")
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func same(got, expected any) {
	if !reflect.DeepEqual(got, expected) {
		panic(fmt.Sprintf("got %v, not %v", got, expected))
	}
}

func refused(got, expected error) {
	if !errors.Is(got, expected) {
		panic(fmt.Sprintf("got %v, not %v", got, expected))
	}
}

func waitFor(what string, done func() bool) {
	for !done() {
		if ctx.Err() != nil {
			panic("it took too long until " + what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func create(topic string, partitions int32, configs map[string]*string) error {
	_, err := admin.CreateTopic(ctx, partitions, 1, configs, topic)
	return err
}

// place is where a record lies.
type place struct {
	partition int32
	offset    int64
}

// produce writes values with their keys, and gives back where they went.
func produce(topic string, count int, options ...kgo.Opt) map[place]string {
	producer := client(append(options, kgo.DefaultProduceTopic(topic))...)
	defer producer.Close()
	var sent []*kgo.Record
	for i := range count {
		sent = append(sent, &kgo.Record{
			Key:     fmt.Appendf(nil, "key-%d", i%7),
			Value:   []byte(strings.Repeat(fmt.Sprintf("value %d ", i), 20)),
			Headers: []kgo.RecordHeader{{Key: "origin", Value: []byte("franz-go")}, {Key: "null"}},
		})
	}
	told := map[place]string{}
	for _, result := range producer.ProduceSync(ctx, sent...) {
		check(result.Err)
		told[place{result.Record.Partition, result.Record.Offset}] = string(result.Record.Value)
	}
	same(len(told), count)
	return told
}

// read gives so many records of a topic, each of which has to come once and in its order.
func read(topic string, count int, options ...kgo.Opt) map[place]string {
	reader := client(append(options, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	defer reader.Close()
	seen := map[place]string{}
	last := map[int32]int64{}
	waitFor("all is read", func() bool {
		fetches := reader.PollFetches(ctx)
		check(fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			if before, found := last[record.Partition]; found && record.Offset <= before {
				panic(fmt.Sprintf("offset %d came after %d", record.Offset, before))
			}
			last[record.Partition] = record.Offset
			seen[place{record.Partition, record.Offset}] = string(record.Value)
		})
		return len(seen) >= count
	})
	same(len(seen), count)
	return seen
}

func records() {
	check(create("records", 3, nil))
	written := map[place]string{}
	for _, codec := range []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	} {
		for at, value := range produce("records", 200, kgo.ProducerBatchCompression(codec)) {
			if _, found := written[at]; found {
				panic("an offset was told twice")
			}
			written[at] = value
		}
	}
	same(read("records", 1000), written)
	ends, err := admin.ListEndOffsets(ctx, "records")
	check(err)
	check(ends.Error())
	sum := int64(0)
	ends.Each(func(end kadm.ListedOffset) { sum += end.Offset })
	same(sum, int64(1000))
}

// offsets by partition.
func ends(topic string) map[int32]int64 {
	listed, err := admin.ListEndOffsets(ctx, topic)
	check(err)
	check(listed.Error())
	found := map[int32]int64{}
	listed.Each(func(end kadm.ListedOffset) { found[end.Partition] = end.Offset })
	return found
}

func administration() {
	brokers, err := admin.ListBrokers(ctx)
	check(err)
	same(len(brokers), len(address()))
	interval := "123456"
	configs := map[string]*string{"flush.ms": &interval}
	check(create("made", 2, configs))
	refused(create("made", 2, nil), kerr.TopicAlreadyExists)
	refused(create("not a name", 2, nil), kerr.InvalidTopicException)
	refused(create("odd", 2, map[string]*string{"retention.mss": &interval}), kerr.InvalidConfig)
	dry, err := admin.ValidateCreateTopics(ctx, 3, 1, nil, "only-checked")
	check(err)
	check(dry.Error())
	var topics kadm.TopicDetails
	// The client keeps what it is told for a while.
	waitFor("the topic is listed", func() bool {
		topics, err = admin.ListTopics(ctx)
		check(err)
		return topics.Has("made")
	})
	same(topics.Has("only-checked"), false)
	same(len(topics["made"].Partitions), 2)
	grown, err := admin.UpdatePartitions(ctx, 5, "made")
	check(err)
	check(grown.Error())
	grown, err = admin.UpdatePartitions(ctx, 3, "made")
	check(err)
	refused(grown.Error(), kerr.InvalidPartitions)
	described, err := admin.DescribeTopicConfigs(ctx, "made")
	check(err)
	values := map[string]string{}
	for _, config := range described[0].Configs {
		values[config.Key] = config.MaybeValue()
	}
	same([]string{values["flush.ms"], values["cleanup.policy"]}, []string{"123456", "delete"})
	appended, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{
		{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: kadm.StringPtr("compact")},
		{Op: kadm.DeleteConfig, Name: "flush.ms"},
	}, "made")
	check(err)
	check(appended[0].Err)
	described, err = admin.DescribeTopicConfigs(ctx, "made")
	check(err)
	for _, config := range described[0].Configs {
		values[config.Key] = config.MaybeValue()
	}
	same([]string{values["flush.ms"], values["cleanup.policy"]}, []string{"9223372036854775807", "delete,compact"})

	produce("made", 100)
	same(len(ends("made")), 5)
	cut := kadm.Offsets{}
	for partition, end := range ends("made") {
		cut.AddOffset("made", partition, min(5, end), -1)
	}
	deleted, err := admin.DeleteRecords(ctx, cut)
	check(err)
	check(deleted.Error())
	starts, err := admin.ListStartOffsets(ctx, "made")
	check(err)
	starts.Each(func(start kadm.ListedOffset) {
		expected, _ := cut.Lookup("made", start.Partition)
		same(start.Offset, expected.At)
	})

	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "made", Partition: 0, At: 7, LeaderEpoch: -1, Metadata: "why"})
	offsets.Add(kadm.Offset{Topic: "made", Partition: 1, At: 8, LeaderEpoch: -1})
	check(admin.CommitAllOffsets(ctx, "altered", offsets))
	type commit struct {
		at       int64
		metadata string
	}
	committed := func() map[int32]commit {
		fetched, err := admin.FetchOffsets(ctx, "altered")
		check(err)
		check(fetched.Error())
		found := map[int32]commit{}
		fetched.Each(func(offset kadm.OffsetResponse) {
			found[offset.Partition] = commit{offset.At, offset.Metadata}
		})
		return found
	}
	same(committed(), map[int32]commit{0: {7, "why"}, 1: {8, ""}})
	listed, err := admin.ListGroups(ctx, "Empty")
	check(err)
	same(listed["altered"].State, "Empty")
	one := kadm.TopicsSet{}
	one.Add("made", 0)
	forgotten, err := admin.DeleteOffsets(ctx, "altered", one)
	check(err)
	check(forgotten.Error())
	same(committed(), map[int32]commit{1: {8, ""}})
	_, err = admin.DeleteGroup(ctx, "altered")
	check(err)
	_, err = admin.DeleteGroup(ctx, "altered")
	refused(err, kerr.GroupIDNotFound)

	_, err = admin.DeleteTopic(ctx, "made")
	check(err)
	_, err = admin.DeleteTopic(ctx, "made")
	refused(err, kerr.UnknownTopicOrPartition)
}

// sorted gives the partitions of a topic.
func sorted(partitions []int32) []int32 {
	sort.Slice(partitions, func(i, j int) bool { return partitions[i] < partitions[j] })
	return partitions
}
