//! Memory that is counted.

/// Runs `work`, and panics when it had more than `bound` bytes of memory at any time.
#[track_caller]
pub(crate) fn within<T>(bound: usize, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let memory = allocation_counter::measure(|| result = Some(work()));
    assert!(memory.bytes_max <= bound as u64, "{} bytes of memory, with {bound} allowed", memory.bytes_max);
    result.expect("the work is done")
}
