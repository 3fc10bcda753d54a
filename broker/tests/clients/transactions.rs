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
