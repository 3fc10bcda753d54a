//! What happens to the group and the brokers, and when.

use std::time::Duration;

/// Something that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A reader joins the group.
    Join,
    /// The reader that has been there for the longest time leaves it.
    Leave,
    /// Another broker becomes the leader of a partition.
    MoveLeader,
    /// The writer stops, and the readers read to the end.
    Finish,
}

const ROUND: [(u64, Step); 3] = [(4_000, Step::Join), (8_000, Step::Leave), (11_000, Step::MoveLeader)];
const ROUND_TAKES: Duration = Duration::from_secs(11);
/// When it ends, unless it goes on forever.
const END: (u64, Step) = (14_500, Step::Finish);

/// The steps, and how long after the start each comes: some seconds long, or without end.
pub fn steps(forever: bool) -> Box<dyn Iterator<Item = (Duration, Step)>> {
    let at = |(ms, step)| (Duration::from_millis(ms), step);
    if !forever {
        return Box::new(ROUND.into_iter().chain([END]).map(at));
    }
    let rounds = (0..).map(|round| ROUND_TAKES * round);
    Box::new(rounds.flat_map(move |begin| ROUND.map(at).map(|(after, step)| (begin + after, step))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_one_after_another_and_end_only_once() {
        let once: Vec<_> = steps(false).collect();
        assert_eq!(once.last().unwrap().1, Step::Finish);
        let forever: Vec<_> = steps(true).take(100).collect();
        assert!(forever.iter().all(|(_, step)| *step != Step::Finish));
        for steps in [once, forever] {
            assert!(steps.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
