import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.utils.CollectionUtils;

/**
 * Asks Kafka's own assignors about random groups, and writes questions and answers down, one JSON object a line.
 *
 * Each group lives through some rounds. Between two rounds members join, leave, change their topics, miss a generation,
 * or claim what is not theirs; topics come, go and grow. The questions of one group follow each other in the file, but
 * each can be answered alone: every question goes to a new instance of the assignor.
 *
 * "topics": partition count, or for each partition the racks of its replicas.
 * "had" is what the user data of `sticky` says in bytes and left out where bytes were cut off; the assignor gets
 * the bytes alone.
 * "generation" is left out when the subscription has none; "userData" is base64.
 * "expected": for each member its partitions, sorted; null where Java threw an exception.
 */
public class AssignorMaker {
    static final Comparator<TopicPartition> ORDER =
        Comparator.comparing(TopicPartition::topic).thenComparing(TopicPartition::partition);

    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args[0]);
        long seed = Long.parseLong(args[1]);
        int count = Integer.parseInt(args[2]);
        for (String name : List.of("range", "roundrobin", "sticky", "cooperative-sticky")) {
            Random random = new Random(seed + name.hashCode());
            List<String> lines = new ArrayList<>();
            while (lines.size() < count) {
                Group group = new Group(name, random);
                for (int rounds = 1 + random.nextInt(6); rounds > 0 && lines.size() < count; rounds--) {
                    lines.add(group.round());
                    group.change();
                }
            }
            Files.write(folder.resolve(name + ".jsonl"), lines);
        }
    }

    static ConsumerPartitionAssignor assignor(String name) {
        switch (name) {
            case "range": return new RangeAssignor();
            case "roundrobin": return new RoundRobinAssignor();
            case "sticky": return new StickyAssignor();
            default: return new CooperativeStickyAssignor();
        }
    }

    static class Member {
        final String id;
        String instance;
        String rack;
        List<String> topics;
        List<TopicPartition> owned = new ArrayList<>();
        int generation = -1;
        /** The subscription's version is below 2: its generation travels as user data, if at all. */
        boolean old;
        byte[] userData;
        /** Bytes are missing from the end of the user data. */
        boolean cut;

        Member(String id) {
            this.id = id;
        }
    }

    static class Group {
        final String name;
        final Random random;
        final boolean sticky;
        final boolean racks;
        final boolean replicasEverywhere;
        final boolean sameTopics;
        final boolean longIds;
        final boolean quarrels;
        final int size;
        final TreeMap<String, List<List<String>>> cluster = new TreeMap<>();
        final Set<String> topicsEver = new TreeSet<>();
        final List<Member> members = new ArrayList<>();
        int generation = 0;

        Group(String name, Random random) {
            this.name = name;
            this.random = random;
            sticky = name.endsWith("sticky");
            racks = !name.equals("roundrobin") && chance(0.5);
            replicasEverywhere = chance(0.1);
            sameTopics = chance(0.5);
            longIds = chance(0.1);
            quarrels = chance(0.4);
            size = chance(0.03) ? 20 : 5;
            int topics = 1 + random.nextInt(chance(0.3) ? 6 : 3);
            boolean alike = chance(0.4);
            int partitions = 1 + random.nextInt(size * 2);
            for (int t = 0; t < topics; t++)
                addTopic(alike ? partitions : 1 + random.nextInt(size * 2));
            for (int m = 1 + random.nextInt(size); m > 0; m--)
                join();
        }

        boolean chance(double probability) {
            return random.nextDouble() < probability;
        }

        <T> T pick(List<T> list) {
            return list.get(random.nextInt(list.size()));
        }

        void addTopic(int partitions) {
            String topic = "t" + random.nextInt(30);
            // A topic that comes back with fewer partitions breaks Java's sticky assignors.
            if (!topicsEver.add(topic))
                return;
            List<List<String>> infos = new ArrayList<>();
            for (int p = 0; p < partitions; p++)
                infos.add(replicas(p));
            cluster.put(topic, infos);
        }

        List<String> replicas(int partition) {
            if (!racks)
                return List.of();
            if (replicasEverywhere)
                return List.of("a", "b", "c");
            Set<String> racks = new TreeSet<>();
            int kind = random.nextInt(10);
            if (kind < 5) {
                racks.add("" + (char) ('a' + partition % 3));
                racks.add("" + (char) ('a' + (partition + 1) % 3));
            } else if (kind < 9) {
                for (int r = random.nextInt(3); r >= 0; r--)
                    racks.add("" + (char) ('a' + random.nextInt(4)));
            }
            return new ArrayList<>(racks);
        }

        void join() {
            String number = Integer.toHexString(random.nextInt(0x10000));
            String id = longIds
                ? "consumer-billing-" + random.nextInt(9) + "-" + new java.util.UUID(random.nextLong(), random.nextLong())
                : chance(0.05) ? "gr\u00f6\u00dfe-" + number : "m" + number;
            if (members.stream().anyMatch(m -> m.id.equals(id)))
                return;
            Member member = new Member(id);
            if (chance(0.2)) {
                String instance = "i" + random.nextInt(1000);
                if (members.stream().noneMatch(m -> instance.equals(m.instance)))
                    member.instance = instance;
            }
            if (racks && chance(0.85))
                member.rack = chance(0.05) ? "" : "" + (char) ('a' + random.nextInt(chance(0.1) ? 5 : 3));
            member.old = name.equals("cooperative-sticky") && chance(0.1);
            member.topics = wish();
            if (quarrels && chance(0.2))
                stealClaims(member);
            members.add(random.nextInt(members.size() + 1), member);
        }

        List<String> wish() {
            List<String> all = new ArrayList<>(cluster.keySet());
            if (sameTopics) {
                if (chance(0.02))
                    all.add("gone");
                return all;
            }
            Collections.shuffle(all, random);
            List<String> some = new ArrayList<>(all.subList(0, random.nextInt(all.size() + 1)));
            if (some.isEmpty() && chance(0.7))
                some.add(all.get(0));
            if (chance(0.1))
                some.add("gone");
            if (chance(0.02) && !some.isEmpty())
                some.add(some.get(0));
            return some;
        }

        /** Claims what others have: in the same generation, in an older or in a newer one. */
        void stealClaims(Member member) {
            member.generation = Math.max(-1, generation - 2 + random.nextInt(4));
            for (Member other : members)
                for (TopicPartition tp : other.owned)
                    if (chance(0.3) && !member.owned.contains(tp))
                        member.owned.add(tp);
            member.owned.sort(ORDER);
        }

        void change() {
            if (chance(0.2))
                addTopic(1 + random.nextInt(size));
            if (chance(0.1) && cluster.size() > 1)
                cluster.remove(pick(new ArrayList<>(cluster.keySet())));
            if (chance(0.1)) {
                List<List<String>> grows = cluster.get(pick(new ArrayList<>(cluster.keySet())));
                grows.add(replicas(grows.size()));
            }
            int leave = chance(0.4) ? random.nextInt(members.size()) : 0;
            for (int i = 0; i < leave; i++)
                members.remove(random.nextInt(members.size()));
            for (int i = chance(0.4) ? 1 + random.nextInt(size / 2) : 0; i > 0; i--)
                join();
            for (Member member : members) {
                if (sameTopics && chance(0.95) || chance(0.15))
                    member.topics = wish();
                if (quarrels && chance(0.1))
                    stealClaims(member);
            }
        }

        Map<String, Subscription> subscriptions() {
            Map<String, Subscription> subscriptions = new HashMap<>();
            for (Member member : members) {
                member.userData = userData(member);
                Subscription subscription = new Subscription(
                    member.topics,
                    member.userData == null ? null : ByteBuffer.wrap(member.userData),
                    member.owned,
                    member.old ? -1 : member.generation,
                    Optional.ofNullable(member.rack));
                subscription.setGroupInstanceId(Optional.ofNullable(member.instance));
                subscriptions.put(member.id, subscription);
            }
            return subscriptions;
        }

        @SuppressWarnings("removal") // the constructor of ConsumerGroupMetadata has no successor
        byte[] userData(Member member) {
            if (!sticky || name.equals("cooperative-sticky") && !member.old)
                return null;
            if (member.old && chance(0.2) || name.equals("sticky") && member.generation < 0 && member.owned.isEmpty())
                return null;
            ConsumerPartitionAssignor assignor = assignor(name);
            assignor.onAssignment(new Assignment(member.owned),
                new ConsumerGroupMetadata("group", member.generation, member.id, Optional.empty()));
            ByteBuffer buffer = assignor.subscriptionUserData(Set.of());
            int cut = 0;
            if (chance(0.05)) // version 0 of `sticky`; no generation for `cooperative-sticky`
                cut = 4;
            else if (chance(0.03))
                cut = random.nextInt(buffer.remaining());
            member.cut = cut > 0;
            byte[] bytes = new byte[buffer.remaining() - cut];
            buffer.get(bytes);
            return bytes;
        }

        Cluster metadata() {
            List<Node> nodes = new ArrayList<>();
            for (int n = 0; n < 6; n++)
                nodes.add(new Node(n, "host", 9092, n == 5 ? null : "" + (char) ('a' + n)));
            List<PartitionInfo> infos = new ArrayList<>();
            cluster.forEach((topic, partitions) -> {
                for (int p = 0; p < partitions.size(); p++) {
                    List<Node> replicas = new ArrayList<>();
                    for (String rack : partitions.get(p))
                        replicas.add(nodes.get(rack.charAt(0) - 'a'));
                    replicas.add(nodes.get(5));
                    Node[] array = replicas.toArray(new Node[0]);
                    infos.add(new PartitionInfo(topic, p, array[0], array, array));
                }
            });
            return new Cluster("c", nodes, infos, Set.of(), Set.of());
        }

        /** Asks once; the members then have what they were given. */
        String round() {
            Map<String, Subscription> subscriptions = subscriptions();
            Map<String, Assignment> answer = null;
            try {
                answer = assignor(name).assign(metadata(), new GroupSubscription(subscriptions)).groupAssignment();
            } catch (RuntimeException e) {
                System.err.println(name + ": " + e);
            }
            String line = question() + ",\"expected\":" + (answer == null ? "null" : answer(answer)) + "}";
            generation++;
            for (Member member : members) {
                if (answer == null || sticky && quarrels && chance(0.15))
                    continue; // missed this generation
                member.generation = generation;
                member.owned = new ArrayList<>(answer.get(member.id).partitions());
                member.owned.sort(ORDER);
            }
            return line;
        }

        String question() {
            List<String> topics = new ArrayList<>();
            cluster.forEach((topic, partitions) -> topics.add(quoted(topic) + ":" + (racks
                ? list(partitions.stream().map(r -> list(r.stream().map(AssignorMaker::quoted).collect(Collectors.toList()))).collect(Collectors.toList()))
                : partitions.size())));
            List<String> list = new ArrayList<>();
            for (Member member : members) {
                StringBuilder text = new StringBuilder("{\"id\":" + quoted(member.id));
                if (member.instance != null)
                    text.append(",\"instance\":").append(quoted(member.instance));
                if (member.rack != null)
                    text.append(",\"rack\":").append(quoted(member.rack));
                text.append(",\"topics\":").append(list(member.topics.stream().map(AssignorMaker::quoted).collect(Collectors.toList())));
                if (name.equals("sticky") && member.userData != null && !member.cut) // in the order of the user data
                    text.append(",\"had\":").append(entries(CollectionUtils.groupPartitionsByTopic(member.owned)));
                if (name.equals("cooperative-sticky") && !member.owned.isEmpty())
                    text.append(",\"owned\":").append(grouped(member.owned, false));
                if (sticky && !member.old && member.generation >= 0)
                    text.append(",\"generation\":").append(member.generation);
                if (member.userData != null)
                    text.append(",\"userData\":").append(quoted(Base64.getEncoder().encodeToString(member.userData)));
                list.add(text.append("}").toString());
            }
            return "{\"topics\":{" + String.join(",", topics) + "},\"members\":" + list(list);
        }

        String answer(Map<String, Assignment> answer) {
            List<String> entries = new ArrayList<>();
            new TreeMap<>(answer).forEach((id, assignment) ->
                entries.add(quoted(id) + ":" + grouped(assignment.partitions(), true)));
            return "{" + String.join(",", entries) + "}";
        }
    }

    static String grouped(Collection<TopicPartition> partitions, boolean sorted) {
        TreeMap<String, List<Integer>> topics = new TreeMap<>();
        for (TopicPartition tp : partitions)
            topics.computeIfAbsent(tp.topic(), t -> new ArrayList<>()).add(tp.partition());
        if (sorted)
            topics.values().forEach(Collections::sort);
        return entries(topics);
    }

    static String entries(Map<String, List<Integer>> topics) {
        List<String> entries = new ArrayList<>();
        topics.forEach((topic, indexes) ->
            entries.add(quoted(topic) + ":" + list(indexes.stream().map(String::valueOf).collect(Collectors.toList()))));
        return "{" + String.join(",", entries) + "}";
    }

    static String list(List<String> items) {
        return "[" + String.join(",", items) + "]";
    }

    static String quoted(String plain) {
        return "\"" + plain + "\"";
    }
}
