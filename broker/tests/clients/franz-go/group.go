package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// member is one consumer of a group, polling in a goroutine of its own.
type member struct {
	client *kgo.Client
	mutex  sync.Mutex
	owned  map[int32]bool
	seen   []place
	events []string
}

func join(group, name string, options []kgo.Opt) *member {
	m := &member{owned: map[int32]bool{}}
	note := func(kind string, owns bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, joined *kgo.Client, changed map[string][]int32) {
			if kind == "revoked" {
				check(joined.CommitUncommittedOffsets(ctx))
			}
			m.mutex.Lock()
			defer m.mutex.Unlock()
			m.events = append(m.events, fmt.Sprint(kind, sorted(changed["shared"])))
			for _, partition := range changed["shared"] {
				m.owned[partition] = owns
			}
		}
	}
	m.client = client(append(options,
		kgo.ClientID(name),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics("shared"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(note("assigned", true)),
		kgo.OnPartitionsRevoked(note("revoked", false)),
		kgo.OnPartitionsLost(note("lost", false)),
	)...)
	go func() {
		for {
			fetches := m.client.PollFetches(ctx)
			if fetches.IsClientClosed() || ctx.Err() != nil {
				return
			}
			m.mutex.Lock()
			fetches.EachRecord(func(record *kgo.Record) {
				m.seen = append(m.seen, place{record.Partition, record.Offset})
			})
			m.mutex.Unlock()
		}
	}()
	return m
}

func (m *member) count() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.seen)
}

func (m *member) partitions() []int32 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var owned []int32
	for partition, owns := range m.owned {
		if owns {
			owned = append(owned, partition)
		}
	}
	return sorted(owned)
}

func (m *member) leave() {
	check(m.client.LeaveGroupContext(ctx))
	m.client.Close()
}

// share has a group of one, then two, then one; each record is read once, as nothing is written while partitions move.
func share(group string, options ...kgo.Opt) {
	start := ends("shared")
	offsets := kadm.Offsets{}
	for partition, end := range start {
		offsets.AddOffset("shared", partition, end, -1)
	}
	check(admin.CommitAllOffsets(ctx, group, offsets))

	first := join(group, "first", options)
	members := []*member{first}
	writeAndRead := func() {
		count := func() (sum int) {
			for _, m := range members {
				sum += m.count()
			}
			return sum
		}
		before := count()
		produce("shared", 100)
		waitFor("all is read", func() bool { return count() >= before+100 })
	}
	waitFor("the first has all", func() bool { return len(first.partitions()) == 4 })
	writeAndRead()
	second := join(group, "second", options)
	members = append(members, second)
	waitFor("they share", func() bool { return len(first.partitions()) == 2 && len(second.partitions()) == 2 })
	same(sorted(append(first.partitions(), second.partitions()...)), []int32{0, 1, 2, 3})
	writeAndRead()
	second.leave()
	waitFor("the first has all again", func() bool { return len(first.partitions()) == 4 })
	writeAndRead()
	first.leave()
	same(len(slices.DeleteFunc(second.events, func(event string) bool { return event[:4] != "lost" })), 0)
	same(len(slices.DeleteFunc(slices.Clone(first.events), func(event string) bool { return event[:4] != "lost" })), 0)
	if len(first.events) < 4 {
		panic(fmt.Sprint("the first saw no rebalance: ", first.events))
	}

	fetched, err := admin.FetchOffsets(ctx, group)
	check(err)
	for partition, end := range ends("shared") {
		committed, _ := fetched.Lookup("shared", partition)
		same(committed.At, end)
		var seen, expected []int64
		for _, m := range members {
			var own []int64
			for _, at := range m.seen {
				if at.partition == partition {
					own = append(own, at.offset)
				}
			}
			same(slices.IsSorted(own), true)
			seen = append(seen, own...)
		}
		for offset := start[partition]; offset < end; offset++ {
			expected = append(expected, offset)
		}
		slices.Sort(seen)
		same(seen, expected)
	}
}

func groups() {
	check(create("shared", 4, nil))
	share("eager", kgo.Balancers(kgo.RangeBalancer()))
	share("cooperative", kgo.Balancers(kgo.CooperativeStickyBalancer()))
	// KIP-848, which this client takes part in only when it is told to.
	share("next", kgo.WithContext(context.WithValue(ctx, "opt_in_kafka_next_gen_balancer_beta", true)))
}
