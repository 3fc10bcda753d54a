#!/usr/bin/env bash
# Java's own clients: a producer for each compression, then two consumers in one group, the second joining later.
# Argument: the group protocol, classic or consumer.
set -euo pipefail
protocol=$1
only_classic=()
if [ "$protocol" = classic ]; then only_classic=(--command-property heartbeat.interval.ms=500); fi

kafka() {
    java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error \
        -cp "$KAFKA_CLASSPATH" "$@"
}

# Each consumer ends by its timeout, about which it complains.
consume() {
    kafka org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$BOOTSTRAP" --topic records \
        --group java-"$protocol" --from-beginning --timeout-ms 4000 --command-property client.id="$1" \
        --command-property group.protocol="$protocol" --command-property auto.commit.interval.ms=500 \
        "${only_classic[@]}" 2> /dev/null
}

for compression in none gzip snappy lz4 zstd; do
    for i in 1 2 3 4 5 6; do
        printf 'origin:java\tkey-%s\tvalue %s with %s\n' $i $i $compression
    done | kafka org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$BOOTSTRAP" --topic records \
        --compression-codec $compression --reader-property parse.key=true --reader-property parse.headers=true \
        --command-property client.id=producer-$compression
done

first=$(mktemp)
second=$(mktemp)
trap 'rm -f "$first" "$second"' EXIT
consume first > "$first" &
# The second joins once the first has something to give away.
until [ -s "$first" ]; do sleep 0.2; done
consume second > "$second" &
wait %1
wait %2
[ "$(cat "$first" "$second" | sort -u | wc -l)" -eq 30 ]
