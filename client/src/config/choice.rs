//! Properties that are a choice between a few names.

use milena_protocol::records::Compression;

use super::value::Value;
use crate::core::fetch_settings::IsolationLevel;
use crate::core::producer::settings::Acks;
use crate::core::recovery::MetadataRecoveryStrategy;

/// A type that has a name in a properties file for each of its values.
pub(super) trait Choice: Copy + PartialEq + 'static {
    const NAMES: &'static [(Self, &'static str)];
    const EXPECTED: &'static str;
    /// Whether Kafka takes the names of this property in any case.
    const IN_ANY_CASE: bool;
}

impl<T: Choice> Value for T {
    type Parsed = T;
    const EXPECTED: &'static str = T::EXPECTED;

    fn parse(text: &str) -> Option<T> {
        let is_meant = |name: &str| name == text || T::IN_ANY_CASE && name.eq_ignore_ascii_case(text);
        T::NAMES.iter().find(|(_, name)| is_meant(name)).map(|(value, _)| *value)
    }

    fn show(value: &T) -> String {
        T::NAMES
            .iter()
            .find(|(known, _)| known == value)
            .map_or_else(String::new, |(_, name)| (*name).to_owned())
    }
}

impl Choice for Acks {
    const NAMES: &'static [(Self, &'static str)] =
        &[(Acks::All, "all"), (Acks::All, "-1"), (Acks::Leader, "1"), (Acks::None, "0")];
    const EXPECTED: &'static str = "all, -1, 0 or 1";
    const IN_ANY_CASE: bool = false;
}

impl Choice for Compression {
    const NAMES: &'static [(Self, &'static str)] = &[
        (Compression::None, "none"),
        (Compression::Gzip, "gzip"),
        (Compression::Snappy, "snappy"),
        (Compression::Lz4, "lz4"),
        (Compression::Zstd, "zstd"),
    ];
    const EXPECTED: &'static str = "none, gzip, snappy, lz4 or zstd";
    const IN_ANY_CASE: bool = false;
}

impl Choice for IsolationLevel {
    const NAMES: &'static [(Self, &'static str)] = &[
        (IsolationLevel::ReadUncommitted, "read_uncommitted"),
        (IsolationLevel::ReadCommitted, "read_committed"),
    ];
    const EXPECTED: &'static str = "read_uncommitted or read_committed";
    const IN_ANY_CASE: bool = false;
}

/// How the members of a group agree on who reads what (`group.protocol`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupProtocol {
    /// One of the members shares out the partitions, and all of them stop for it or hand over in two rounds.
    #[default]
    Classic,
    /// The broker does it, for each member by itself (KIP-848): nothing stops for the others. Brokers know it from 4.0 on.
    /// Members of both kinds can be in one group, so that it can move from one to the other by rolling restart.
    ///
    /// When the broker refuses the member for good, each poll says why until the consumer subscribes anew, which is another
    /// try; the Java consumer says it once, and is silent then.
    Consumer,
}

impl Choice for GroupProtocol {
    const NAMES: &'static [(Self, &'static str)] =
        &[(GroupProtocol::Classic, "classic"), (GroupProtocol::Consumer, "consumer")];
    const EXPECTED: &'static str = "classic or consumer";
    const IN_ANY_CASE: bool = true;
}

/// What the name of a broker stands for (`client.dns.lookup`, KIP-602).
///
/// Both come to the same here: each address of a name is tried until one answers. The canonical names are what Kerberos
/// needs, and Kerberos is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientDnsLookup {
    /// All of its addresses, one after another.
    #[default]
    UseAllDnsIps,
    /// The same; the names in `bootstrap.servers` stand for the canonical names of their addresses.
    ResolveCanonicalBootstrapServersOnly,
}

impl Choice for ClientDnsLookup {
    const NAMES: &'static [(Self, &'static str)] = &[
        (ClientDnsLookup::UseAllDnsIps, "use_all_dns_ips"),
        (ClientDnsLookup::ResolveCanonicalBootstrapServersOnly, "resolve_canonical_bootstrap_servers_only"),
    ];
    const EXPECTED: &'static str = "use_all_dns_ips or resolve_canonical_bootstrap_servers_only";
    const IN_ANY_CASE: bool = false;
}

impl Choice for MetadataRecoveryStrategy {
    const NAMES: &'static [(Self, &'static str)] =
        &[(MetadataRecoveryStrategy::None, "none"), (MetadataRecoveryStrategy::Rebootstrap, "rebootstrap")];
    const EXPECTED: &'static str = "none or rebootstrap";
    const IN_ANY_CASE: bool = true;
}
