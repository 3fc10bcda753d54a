//! Transactions of Java's producer, read by Java's consumer.

use milena_broker::Broker;

use crate::common::{run, start, tools};
use crate::console::{consumer, records};

#[test]
fn aborted_records_are_not_read_by_those_who_read_committed_ones() {
    let broker = start(Broker::builder().topic("ledger", 1));
    let tools = tools(&broker);
    tools.transact("ledger", &[("commit", 20), ("abort", 30), ("commit", 40), ("open", 5)]).unwrap();
    let values = |isolation: &str, count: usize| -> Vec<String> {
        let read = consumer(&tools, "ledger", count, &["--isolation-level", isolation]);
        records(&run(&read, &[])).into_iter().map(str::to_owned).collect()
    };
    let named =
        |end: &str, count: usize| -> Vec<String> { (0..count).map(|n| format!("{end}-{n}")).collect() };
    let committed = [named("commit", 20), named("commit", 40)].concat();
    assert_eq!(values("read_committed", 60), committed);
    let all = [named("commit", 20), named("abort", 30), named("commit", 40), named("open", 5)].concat();
    assert_eq!(values("read_uncommitted", 95), all);

    // A producer with the id of the open one ends that, and so what came after it can be read.
    tools.transaction("transactions-ledger-5", "ledger", 0, 3, "commit").unwrap();
    assert_eq!(values("read_committed", 63), [committed, named("commit", 3)].concat());
}

#[test]
fn what_is_read_and_written_in_transactions_comes_out_once() {
    let broker = start(Broker::builder().brokers(3).topic("input", 1).topic("output", 1));
    let tools = tools(&broker);
    tools.fill("input", 500).unwrap();
    let mut copier = tools.java("org.apache.kafka.tools.TransactionalMessageCopier");
    copier.args(["--broker-list", &tools.bootstrap(), "--input-topic", "input", "--input-partition", "0"]);
    copier.args(["--output-topic", "output", "--transactional-id", "copier", "--consumer-group", "copier"]);
    // It aborts every third or so, goes back to what is committed, and takes it again.
    copier.args(["--max-messages", "500", "--transaction-size", "20", "--enable-random-aborts"]);
    copier.args(["--group-mode", "--use-group-metadata"]);
    run(&copier, &[]);
    let copied = run(&consumer(&tools, "output", 500, &["--isolation-level", "read_committed"]), &[]);
    let sent: Vec<String> = (0..500).map(|i| format!("value-{i}")).collect();
    assert_eq!(records(&copied), sent);
    let offsets = tools.group_offsets("copier").unwrap();
    assert_eq!(offsets.iter().map(|offset| offset.committed).collect::<Vec<_>>(), [Some(500)]);
    // A marker follows each transaction.
    let ends = tools.tool("org.apache.kafka.tools.GetOffsetShell", &["--topic", "output"]).unwrap();
    let end: u64 = ends.trim().rsplit(':').next().unwrap().parse().unwrap();
    assert!(end >= 525, "{end}");
}
