//! The configuration of a client, from the table of its properties.

macro_rules! properties {
    (
        $(#[$doc:meta])+
        $Config:ident of $whose:literal, with $($own:ident: $own_type:ty = $own_default:expr;)*
        $($(#[doc = $about:literal])+ $field:ident $name:literal: $kind:ty as $type:ty = $default:tt;)*
    ) => {
        $(#[$doc])+
        #[derive(Clone, Debug)]
        pub struct $Config {
            pub(crate) bootstrap_servers: Vec<Address>,
            $(pub(crate) $own: $own_type,)*
            /// What was set, whatever the value.
            explicit: BTreeSet<&'static str>,
            $(pub(crate) $field: $type,)*
        }

        impl $Config {
            pub(super) fn with_defaults(bootstrap_servers: Vec<Address>) -> Self {
                $Config {
                    bootstrap_servers,
                    $($own: $own_default,)*
                    explicit: BTreeSet::new(),
                    $($field: <$kind>::unset($default).expect(concat!("the default of ", $name)),)*
                }
            }

            $(
                #[doc = concat!("`", $name, "`:", $($about),+)]
                #[doc = default_doc!($default)]
                pub fn $field(mut self, value: impl Into<$type>) -> Self {
                    self.$field = value.into();
                    self.explicit.insert($name);
                    self
                }
            )*

            /// Sets a property by its name, from the text that a properties file would have.
            ///
            /// # Errors
            #[doc = concat!("When the name is not a property of Kafka's ", $whose, ", when milena refuses it")]
            /// ([`properties`](Self::properties) tells which and why), or when the value is not one that it can have.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
                let value = value.trim();
                match name {
                    "bootstrap.servers" => {
                        self.bootstrap_servers = parse::<Bootstrap>(name, value)?;
                    }
                    $($name => {
                        self.$field = parse::<$kind>(name, value)?;
                        self.explicit.insert($name);
                    })*
                    _ => property::refuse(name, value, HONOURED, REFUSED)?,
                }
                Ok(())
            }

            /// The value of a property as a properties file would have it, the default where it was not set; `None` for
            /// those that are refused, and for what is no property.
            pub fn get(&self, name: &str) -> Option<String> {
                Some(match name {
                    "bootstrap.servers" => Bootstrap::show(&self.bootstrap_servers),
                    $($name => <$kind>::show(&self.$field),)*
                    _ => return None,
                })
            }

            /// Whether values that were set in code are such as a text could have.
            fn check_values(&self) -> Result<(), ConfigError> {
                $(if !<$kind>::is_valid(&self.$field) {
                    let value = <$kind>::show(&self.$field);
                    return Err(ConfigError::bad_value($name, &value, <$kind>::EXPECTED));
                })*
                Ok(())
            }
        }

        const HONOURED: &[Property] = &[
            Property {
                name: "bootstrap.servers",
                about: "the brokers to begin with, as in `one:9092,two:9092`. They tell of the others.",
                support: Support::Full,
            },
            $(Property { name: $name, about: concat!($($about),+), support: Support::Full },)*
        ];
    };
}

macro_rules! default_doc {
    ("") => {
        "Not set by default."
    };
    ($default:literal) => {
        concat!("Default `", $default, "`.")
    };
}
