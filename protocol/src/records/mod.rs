//! Record batches: what the `records` field of a Fetch response or a Produce request holds.
