//! The table of APIs against Kafka's own, of both releases: `testdata/golden/apis.json`.

use std::collections::{BTreeMap, BTreeSet};

use milena_protocol::Api;
use serde_json::Value;

/// What a table says of one API: its name, and of each version whether it is flexible.
type Row = (String, BTreeMap<i16, bool>);

/// The versions that either release speaks, the newer release first.
fn kafkas() -> BTreeMap<i16, Row> {
    let releases: Value = serde_json::from_str(include_str!("../../testdata/golden/apis.json")).unwrap();
    let mut apis = BTreeMap::<i16, Row>::new();
    for release in ["4.3.1", "3.9.2"] {
        for line in releases[release].as_array().unwrap() {
            let number = |name: &str| line[name].as_i64().map(|n| i16::try_from(n).unwrap());
            let (oldest, latest) = (number("oldest").unwrap(), number("latest").unwrap());
            let first_flexible = number("firstFlexible").unwrap_or(i16::MAX);
            // No stable version at all: 3.9 has drafts of the share groups (KIP-932), whose v0 was withdrawn.
            if number("latestStable").unwrap() < oldest {
                continue;
            }

            let (name, versions) = apis.entry(number("key").unwrap()).or_default();
            // The newer name counts: ListConfigResources was ListClientMetricsResources in 3.9 (KIP-1142).
            if name.is_empty() {
                line["name"].as_str().unwrap().clone_into(name);
            }
            for version in oldest..=latest {
                let flexible = version >= first_flexible;
                let other = versions.insert(version, flexible);
                assert!(
                    other.is_none_or(|other| other == flexible),
                    "the releases differ on {name} v{version}"
                );
            }
        }
    }
    apis
}

fn ours() -> BTreeMap<i16, Row> {
    let row = |api: &Api| {
        let versions = api.versions().map(|version| (version, api.is_flexible(version))).collect();
        (api.key(), (api.name().to_owned(), versions))
    };
    Api::ALL.iter().map(row).collect()
}

#[test]
fn the_apis_and_their_versions_are_those_of_both_releases() {
    let (kafkas, ours) = (kafkas(), ours());
    assert!(kafkas.len() > 90, "Kafka has more APIs than {}", kafkas.len());
    // One by one first: the name of the API that differs says more than two tables do.
    for (key, row) in &kafkas {
        assert_eq!(ours.get(key), Some(row), "key {key}");
    }
    assert_eq!(ours, kafkas);
}

#[test]
fn every_api_is_found_by_its_key_and_no_other_key_is_known() {
    let found: BTreeSet<i16> = (i16::MIN..=i16::MAX).filter(|&key| Api::from_key(key).is_some()).collect();
    assert_eq!(found, kafkas().into_keys().collect());
    for api in Api::ALL {
        assert_eq!(Api::from_key(api.key()), Some(*api));
        assert_eq!(Api::from_name(&api.name().to_lowercase()), Some(*api));
    }
}

#[test]
fn the_keys_of_all_rise() {
    assert!(Api::ALL.is_sorted_by(|a, b| a.key() < b.key()));
}
