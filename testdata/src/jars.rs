//! Kafka's jars, brought by Maven once for each version and kept in `target/kafka/<version>/lib`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use crate::Error;
use crate::error::Doing;

/// The versions of Apache Kafka that the tests know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The current one.
    V4_3_1,
    /// The last that still answers in the oldest message versions, with records in the formats before magic 2.
    V3_9_2,
}

impl Version {
    /// The version as Maven names it: `4.3.1`.
    pub fn number(self) -> &'static str {
        match self {
            Version::V4_3_1 => "4.3.1",
            Version::V3_9_2 => "3.9.2",
        }
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(number: &str) -> Result<Self, Error> {
        [Version::V4_3_1, Version::V3_9_2]
            .into_iter()
            .find(|version| version.number() == number)
            .ok_or_else(|| Error::new(format!("Kafka {number} is not one of 4.3.1, 3.9.2")))
    }
}

/// The folder with the jars of a version, after bringing them if need be.
pub(crate) fn folder(version: Version) -> Result<PathBuf, Error> {
    let cache = target_folder().join("kafka").join(version.number());
    let lib = cache.join("lib");
    fs::create_dir_all(&cache).doing(format!("creating {}", cache.display()))?;
    // Several tests may come here at once, in one process or in many: the first brings the jars, the others wait.
    let lock = File::create(cache.join("lock")).doing("opening the lock of Kafka's jars")?;
    lock.lock().doing("waiting for the lock of Kafka's jars")?;
    if !lib.exists() {
        let arriving = cache.join("arriving");
        bring(version, &cache.join("pom.xml"), &arriving)?;
        fs::rename(&arriving, &lib).doing("putting Kafka's jars in place")?;
    }
    Ok(lib)
}

/// Cargo's target folder, of this workspace unless the environment names another.
pub(crate) fn target_folder() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    }
}

fn bring(version: Version, pom: &Path, to: &Path) -> Result<(), Error> {
    fs::write(pom, POM.replace("VERSION", version.number())).doing("writing the pom.xml for Kafka's jars")?;
    let out = Command::new("mvn")
        .args(["-q", "-B", "-Dstyle.color=never", "-f"])
        .arg(pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", to.display()))
        .output()
        .doing("running mvn, which brings Kafka's jars (is Maven installed?)")?;
    if out.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&out.stdout);
    Err(Error::new(format!(
        "mvn could not bring the jars of Kafka {} ({}):\n{said}",
        version.number(),
        out.status
    )))
}

/// The broker and its command line tools, with a logger that writes to standard error.
const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>milena</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>VERSION</version>
      <exclusions><exclusion><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId></exclusion></exclusions>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>VERSION</version>
      <exclusions><exclusion><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId></exclusion></exclusions>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-dependency-plugin</artifactId>
        <version>3.8.1</version>
      </plugin>
    </plugins>
  </build>
</project>
"#;
