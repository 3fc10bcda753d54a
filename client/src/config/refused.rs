//! Kafka's properties that milena does not honour, each with the reason.
//!
//! Quietly ignoring one would be worse than refusing it: whoever sets `ssl.truststore.location` believes that the connection
//! is encrypted. Where some values ask for nothing but what happens anyway, those are let through.

use super::property::{Property, Support};

const CLASS: &str = "the name of a Java class means nothing here";
const DESERIALIZER: &str = "records are bytes; what makes values of them is given in code";
const METRICS: &str = "no metrics are kept, so there is nothing to sample";
const PROVIDERS: &str = "the values of the properties are taken as they stand";
const INTERCEPTORS: &str =
    "the name of a Java class means nothing here; code that is to see each record goes behind `poll`";
const PUSH: &str = "no metrics are kept, so there are none to push to the brokers";
const JMX: &str = "reporters are Java classes for JMX and the like, and no metrics are kept";
const INTERNAL: &str = "it is a switch inside of Kafka's own Java code";
const SHARE: &str = "it is for share groups; Java's consumer refuses it too";
const PLAIN: &str = "connections are neither encrypted nor authenticated: TLS and SASL are not there yet";
const TLS: &str = "connections are not encrypted: TLS is not there yet";
const SASL: &str = "connections are not authenticated: SASL is not there yet";
const BROKERS: &str = "it is for brokers, which check the tokens; a client only sends one";
const JAVA_SECURITY: &str = "it is for Java's own security architecture";

pub(super) const fn no(name: &'static str, about: &'static str, why: &'static str) -> Property {
    Property { name, about, support: Support::None { why } }
}

pub(super) const fn only(
    name: &'static str,
    about: &'static str,
    values: &'static [&'static str],
    why: &'static str,
) -> Property {
    Property { name, about, support: Support::Only { values, why } }
}

const BYTES: &[&str] = &["org.apache.kafka.common.serialization.ByteArrayDeserializer"];
const EMPTY: &[&str] = &[""];

pub(super) const REFUSED: &[Property] = &[
    // Of consumers only.
    only(
        "interceptor.classes",
        "code that sees, and may change, each record on its way to the application.",
        EMPTY,
        INTERCEPTORS,
    ),
    no(
        "internal.throw.on.fetch.stable.offset.unsupported",
        "whether to fail where a broker is too old to tell of pending commits.",
        INTERNAL,
    ),
    only("key.deserializer", "what makes a value of a record's key.", BYTES, DESERIALIZER),
    no("share.acknowledgement.mode", "whether a share consumer acknowledges each record.", SHARE),
    no("share.acquire.mode", "whether a share consumer takes whole batches.", SHARE),
    only("value.deserializer", "what makes a value of a record's value.", BYTES, DESERIALIZER),
    // Of all clients.
    only(
        "config.providers",
        "where values are looked up that are written as `${provider:key}`.",
        EMPTY,
        PROVIDERS,
    ),
    only(
        "enable.metrics.push",
        "whether brokers that ask for them are sent metrics of the client (KIP-714).",
        &["false"],
        PUSH,
    ),
    only("metric.reporters", "where metrics go.", EMPTY, JMX),
    no("metrics.num.samples", "how many samples a metric is computed from.", METRICS),
    no("metrics.recording.level", "how detailed the metrics are.", METRICS),
    no("metrics.sample.window.ms", "how long one sample of a metric lasts.", METRICS),
    no("sasl.client.callback.handler.class", "the code that answers a SASL mechanism's questions.", CLASS),
    no("sasl.jaas.config", "the user's name and password, or what else a SASL mechanism needs.", SASL),
    no("sasl.kerberos.kinit.cmd", "the command that gets a Kerberos ticket.", SASL),
    no("sasl.kerberos.min.time.before.relogin", "the shortest wait between two logins to Kerberos.", SASL),
    no("sasl.kerberos.service.name", "the Kerberos name that the brokers run under.", SASL),
    no(
        "sasl.kerberos.ticket.renew.jitter",
        "how much chance there is in the moment when a Kerberos ticket is renewed.",
        SASL,
    ),
    no(
        "sasl.kerberos.ticket.renew.window.factor",
        "after which part of its life a Kerberos ticket is renewed.",
        SASL,
    ),
    no("sasl.login.callback.handler.class", "the code that answers a login's questions.", CLASS),
    no("sasl.login.class", "the code that logs in.", CLASS),
    no("sasl.login.connect.timeout.ms", "how long connecting to the identity provider may take.", SASL),
    no("sasl.login.read.timeout.ms", "how long the identity provider's answer may take.", SASL),
    no(
        "sasl.login.refresh.buffer.seconds",
        "how long before a credential ends it is refreshed at the latest.",
        SASL,
    ),
    no(
        "sasl.login.refresh.min.period.seconds",
        "how long a credential is kept at least before it is refreshed.",
        SASL,
    ),
    no("sasl.login.refresh.window.factor", "after which part of its life a credential is refreshed.", SASL),
    no(
        "sasl.login.refresh.window.jitter",
        "how much chance there is in the moment when a credential is refreshed.",
        SASL,
    ),
    no("sasl.login.retry.backoff.max.ms", "the longest wait between attempts to log in.", SASL),
    no("sasl.login.retry.backoff.ms", "the first wait between attempts to log in; it doubles.", SASL),
    no("sasl.mechanism", "how the client proves who it is: PLAIN, SCRAM, OAUTHBEARER or GSSAPI.", SASL),
    no(
        "sasl.oauthbearer.assertion.algorithm",
        "how the client signs the assertion that it sends to the identity provider.",
        SASL,
    ),
    no(
        "sasl.oauthbearer.assertion.claim.aud",
        "the audience in the assertion that the client makes for the identity provider.",
        SASL,
    ),
    no("sasl.oauthbearer.assertion.claim.exp.seconds", "for how long the client's assertion is valid.", SASL),
    no("sasl.oauthbearer.assertion.claim.iss", "the issuer in the client's assertion.", SASL),
    no(
        "sasl.oauthbearer.assertion.claim.jti.include",
        "whether each of the client's assertions has an id of its own.",
        SASL,
    ),
    no(
        "sasl.oauthbearer.assertion.claim.nbf.seconds",
        "how far in the past the client's assertion begins to be valid.",
        SASL,
    ),
    no("sasl.oauthbearer.assertion.claim.sub", "the subject in the client's assertion.", SASL),
    no("sasl.oauthbearer.assertion.file", "a file with an assertion that is ready to send.", SASL),
    no("sasl.oauthbearer.assertion.private.key.file", "the key that assertions are signed with.", SASL),
    no(
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "the passphrase of the key that assertions are signed with.",
        SASL,
    ),
    no("sasl.oauthbearer.assertion.template.file", "a file with fixed parts of assertions.", SASL),
    no("sasl.oauthbearer.client.credentials.client.id", "the client's name for the identity provider.", SASL),
    no(
        "sasl.oauthbearer.client.credentials.client.secret",
        "the client's secret for the identity provider.",
        SASL,
    ),
    no(
        "sasl.oauthbearer.clock.skew.seconds",
        "how far the clocks of broker and identity provider may be apart.",
        BROKERS,
    ),
    no("sasl.oauthbearer.expected.audience", "the audiences that a token may be for.", BROKERS),
    no("sasl.oauthbearer.expected.issuer", "the issuer that a token has to come from.", BROKERS),
    no(
        "sasl.oauthbearer.header.urlencode",
        "whether the client's name and secret are URL-encoded on their way.",
        SASL,
    ),
    no(
        "sasl.oauthbearer.jwks.endpoint.refresh.ms",
        "how often the keys for checking tokens are fetched.",
        BROKERS,
    ),
    no(
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
        "the longest wait between attempts to fetch the keys for checking tokens.",
        BROKERS,
    ),
    no(
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
        "the first wait between attempts to fetch the keys for checking tokens; it doubles.",
        BROKERS,
    ),
    no("sasl.oauthbearer.jwks.endpoint.url", "where the keys for checking tokens are fetched from.", BROKERS),
    no("sasl.oauthbearer.jwt.retriever.class", "the code that gets a token.", CLASS),
    no("sasl.oauthbearer.jwt.validator.class", "the code that checks a token.", CLASS),
    no("sasl.oauthbearer.scope", "what the token is asked to allow.", SASL),
    no("sasl.oauthbearer.scope.claim.name", "under which name a token says what it allows.", SASL),
    no("sasl.oauthbearer.sub.claim.name", "under which name a token says whose it is.", SASL),
    no(
        "sasl.oauthbearer.token.endpoint.url",
        "where tokens come from: the identity provider, or a file.",
        SASL,
    ),
    only(
        "security.protocol",
        "whether connections are encrypted, and whether the client says who it is.",
        &["PLAINTEXT"],
        PLAIN,
    ),
    no("security.providers", "Java classes that bring security algorithms.", JAVA_SECURITY),
    no("ssl.cipher.suites", "which cipher suites may be used.", TLS),
    no("ssl.enabled.protocols", "which versions of TLS may be used.", TLS),
    no(
        "ssl.endpoint.identification.algorithm",
        "whether a broker's certificate has to be for its host name.",
        TLS,
    ),
    no("ssl.engine.factory.class", "the code that makes TLS connections.", CLASS),
    no("ssl.key.password", "the password of the client's private key.", TLS),
    no("ssl.keymanager.algorithm", "how Java finds the client's key.", JAVA_SECURITY),
    no("ssl.keystore.certificate.chain", "the client's certificate.", TLS),
    no("ssl.keystore.key", "the client's private key.", TLS),
    no("ssl.keystore.location", "the file with the client's key and certificate.", TLS),
    no("ssl.keystore.password", "the password of the file with the client's key.", TLS),
    no("ssl.keystore.type", "the format of the file with the client's key.", TLS),
    no("ssl.protocol", "the preferred version of TLS.", TLS),
    no("ssl.provider", "the Java security provider for TLS.", JAVA_SECURITY),
    no("ssl.secure.random.implementation", "Java's source of random numbers for TLS.", JAVA_SECURITY),
    no("ssl.trustmanager.algorithm", "how Java decides whom to trust.", JAVA_SECURITY),
    no("ssl.truststore.certificates", "the certificates to trust.", TLS),
    no("ssl.truststore.location", "the file with the certificates to trust.", TLS),
    no("ssl.truststore.password", "the password of the file with the certificates to trust.", TLS),
    no("ssl.truststore.type", "the format of the file with the certificates to trust.", TLS),
];

/// The first so many of them are about consumers only.
pub(super) const OF_CONSUMERS: usize = 6;
