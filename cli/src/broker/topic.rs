//! A topic as the command line has it.

/// `T[:P[:R]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicArg {
    pub name: String,
    /// How many; `None` for `num.partitions`.
    pub partitions: Option<usize>,
    /// How many; `None` for one on each broker, 3 at most.
    pub replicas: Option<usize>,
}

impl TopicArg {
    pub fn parse(text: &str) -> Result<TopicArg, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default().to_owned();
        let partitions = parts.next().map(|count| number(count, "partitions")).transpose()?;
        let replicas = parts.next().map(|count| number(count, "replicas")).transpose()?;
        match parts.next() {
            None => Ok(TopicArg { name, partitions, replicas }),
            Some(_) => {
                Err("a topic is written as name, name:partitions or name:partitions:replicas".to_owned())
            }
        }
    }
}

fn number(text: &str, what: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=100_000).contains(count));
    count.ok_or_else(|| format!("{text:?} is no number of {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_a_name_and_may_have_numbers() {
        let topic =
            |name: &str, partitions, replicas| Ok(TopicArg { name: name.to_owned(), partitions, replicas });
        assert_eq!(TopicArg::parse("t"), topic("t", None, None));
        assert_eq!(TopicArg::parse("a.b:6"), topic("a.b", Some(6), None));
        assert_eq!(TopicArg::parse("t:6:2"), topic("t", Some(6), Some(2)));
        assert_eq!(TopicArg::parse("t:x").unwrap_err(), "\"x\" is no number of partitions");
        assert_eq!(TopicArg::parse("t:1:0").unwrap_err(), "\"0\" is no number of replicas");
        assert!(TopicArg::parse("t:1:1:1").is_err());
    }
}
