//! Every input of every corpus through its oracle: what a fuzzer has found once stays found.

use milena_fuzz_oracles::{TARGETS, corpus};

#[test]
fn every_input_of_every_corpus_passes() {
    for (target, oracle) in TARGETS {
        let folder = corpus(target);
        let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut inputs = 0;
        for file in files {
            let path = file.unwrap().path();
            let input = std::fs::read(&path).unwrap();
            if std::panic::catch_unwind(|| oracle(&input)).is_err() {
                panic!("{target} fails with {}", path.display());
            }
            inputs += 1;
        }
        assert!(inputs > 10, "only {inputs} inputs for {target}");
    }
}
