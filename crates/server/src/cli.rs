//! The command line. Scripts depend on the names here: they are a contract, kept exact.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The back office of a team that builds with AI.
#[derive(Debug, Parser)]
#[command(name = "rhiza", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where this installation's settings and data are. Flags win over `RHIZA_…` variables, and those over the file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Settings {
    /// Settings file (TOML). Without it the built-in defaults hold; `rhiza config reference` lists them.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the database and the blobs.
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data_dir: Option<String>,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR:PORT", global = true)]
    pub(crate) listen: Option<String>,
    /// Database: sqlite://FILE or postgres://…
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) database_url: Option<String>,
    /// Blobs: file://FOLDER or s3://BUCKET/PREFIX
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) storage_url: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server: API, console and background work.
    Serve(Settings),
    /// Start background work only, beside other processes; needs PostgreSQL.
    Worker(Settings),
    /// Administer an installation without a browser.
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
        #[command(flatten)]
        settings: Settings,
    },
    /// Look at the settings.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
        #[command(flatten)]
        settings: Settings,
    },
    /// Examine this installation and say what is wrong with it.
    Doctor {
        #[command(flatten)]
        settings: Settings,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Bring the database schema up to date.
    Migrate {
        #[command(flatten)]
        settings: Settings,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Examine the audit chain.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
        #[command(flatten)]
        settings: Settings,
    },
    /// Look after the keys that sign access tokens.
    Tokens {
        #[command(subcommand)]
        command: TokensCommand,
        #[command(flatten)]
        settings: Settings,
    },
    /// Save and restore an installation.
    Backup {
        #[command(subcommand)]
        command: BackupCommand,
        #[command(flatten)]
        settings: Settings,
    },
    /// Copy what was tracked elsewhere into a project.
    Import {
        #[command(subcommand)]
        command: ImportCommand,
        #[command(flatten)]
        settings: Settings,
    },
    /// Make keys, and change them.
    Secrets {
        #[command(subcommand)]
        command: SecretsCommand,
        #[command(flatten)]
        settings: Settings,
    },
    /// Print the OpenAPI document of this version.
    Openapi,
    /// Search for a model that predicts a column of a table (CSV, JSON Lines, Parquet, Arrow), and save it.
    Automl(AutomlOptions),
    /// Predict the rows of a table.
    Predict(PredictOptions),
    /// Say why a model predicts what it predicts for the rows of a table.
    Explain(ExplainOptions),
    /// Do one piece of work for a server, which starts this by itself.
    #[command(hide = true)]
    JobChild,
}

/// The names of the families of models, as `rhiza_learn` writes them.
const FAMILIES: [&str; 8] = ["baseline", "linear", "boost", "forest", "extra_trees", "kernel", "neighbours", "network"];

#[derive(Debug, Clone, Args)]
pub(crate) struct AutomlOptions {
    /// The table; `-` for standard input.
    #[arg(value_name = "DATA")]
    pub(crate) data: PathBuf,
    /// The column to be predicted.
    #[arg(long, value_name = "COL")]
    pub(crate) target: String,
    /// Seconds for the search; what is under way then is finished.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub(crate) time: f64,
    /// Most trials. The same number and seed give the same models on any machine, if the time is long enough.
    #[arg(long, value_name = "N")]
    pub(crate) trials: Option<usize>,
    /// Of everything random.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// By what models are ranked: roc_auc, log_loss, accuracy, f1_macro, rmse, mae, r2, pinball@0.9 …
    #[arg(long, value_name = "M")]
    pub(crate) metric: Option<String>,
    /// What is predicted, where the target's values would be taken for something else.
    #[arg(long, value_name = "TASK", value_parser = ["binary", "multiclass", "regression"])]
    pub(crate) task: Option<String>,
    /// A column of points in time: learn from the past, judge by the future.
    #[arg(long, value_name = "COL")]
    pub(crate) time_column: Option<String>,
    /// A column that names groups: rows of a group stay together.
    #[arg(long, value_name = "COL")]
    pub(crate) group_column: Option<String>,
    /// A column not to learn from. May be repeated.
    #[arg(long, value_name = "COL")]
    pub(crate) ignore: Vec<String>,
    /// How a column is to be read: numeric, boolean, categorical, datetime or text. May be repeated.
    #[arg(long = "type", value_name = "COL=TYPE")]
    pub(crate) types: Vec<String>,
    /// Share of the rows that the search never sees and the finished model is judged by.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    pub(crate) hold_out: f64,
    /// Folds of the cross-validation.
    #[arg(long, value_name = "N")]
    pub(crate) folds: Option<usize>,
    /// A family of models to be tried; all where it is left out. May be repeated.
    #[arg(long, value_name = "FAMILY", value_parser = FAMILIES)]
    pub(crate) family: Vec<String>,
    /// Where the model goes; DATA with the ending .rhiza where it is left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write the model as ONNX, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) onnx: Option<PathBuf>,
    /// Have it done by a running Rhiza at this address, with the API key in RHIZA_API_KEY. The model is saved here with --out only.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PredictOptions {
    /// The model: our own file, LightGBM text, XGBoost JSON or UBJSON, ONNX with a tree ensemble.
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// The table; `-` for standard input.
    #[arg(value_name = "DATA")]
    pub(crate) data: PathBuf,
    /// Write into this file (CSV, or JSON with --json) instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Have it done by a running Rhiza at this address, with the API key in RHIZA_API_KEY. MODEL is then a registered
    /// model: NAME, NAME/VERSION or NAME@ALIAS.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExplainOptions {
    /// The model: our own file, LightGBM text, XGBoost JSON or UBJSON, ONNX with a tree ensemble.
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// The table whose rows are explained; `-` for standard input.
    #[arg(value_name = "DATA")]
    pub(crate) data: PathBuf,
    /// auto: tree for models that are sums of trees, else permutation. tree: exact, of the raw output. kernel, permutation: by
    /// asking the model. lime: a linear model around each row.
    #[arg(long, value_name = "METHOD", default_value = "auto", value_parser = ["auto", "tree", "kernel", "permutation", "lime"])]
    pub(crate) method: String,
    /// Rows of the table that stand for "a column is not known".
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) background: usize,
    /// Explain only the first so many rows.
    #[arg(long, value_name = "N")]
    pub(crate) rows: Option<usize>,
    /// Of everything drawn.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Have it done by a running Rhiza at this address, with the API key in RHIZA_API_KEY. MODEL is then a registered
    /// model: NAME, NAME/VERSION or NAME@ALIAS; the rows become a dataset there.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Print the complete settings of a production server, with a fresh master key, as a file of variables (.env).
    Generate(GenerateOptions),
    /// Seal everything anew under the newest master key, while servers run. Broken off, it goes on where it stopped.
    Rotate,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GenerateOptions {
    /// The address people type: https://…
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: String,
    /// Network of a proxy in front that terminates TLS; may be repeated. Without it and without a certificate: this
    /// machine.
    #[arg(long = "trusted-proxy", value_name = "CIDR")]
    pub(crate) trusted_proxies: Vec<String>,
    /// Certificate (PEM), for a server that speaks HTTPS itself.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<String>,
    /// Key of the certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<String>,
    /// Mail server: smtp://HOST (STARTTLS) or smtps://HOST.
    #[arg(long, value_name = "URL", conflicts_with = "without_mail")]
    pub(crate) smtp_url: Option<String>,
    /// User at the mail server.
    #[arg(long, value_name = "NAME", requires = "smtp_password_stdin")]
    pub(crate) smtp_user: Option<String>,
    /// Read the user's password from standard input.
    #[arg(long, requires = "smtp_user")]
    pub(crate) smtp_password_stdin: bool,
    /// Who the letters are from.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "without_mail")]
    pub(crate) mail_from: Option<String>,
    /// Send no letters: nobody can register with a verified address, reset a password or be invited by mail.
    #[arg(long)]
    pub(crate) without_mail: bool,
    /// Write into this new file (mode 600) instead of printing.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Create the first organisation and its owner; prints JSON with an API key. Refuses when an owner exists.
    Init {
        /// The owner's e-mail address.
        #[arg(long)]
        email: String,
        /// The organisation's name.
        #[arg(long)]
        organization: String,
        /// The first project's name.
        #[arg(long)]
        project: Option<String>,
        /// Read the password from standard input (required: a password never goes on a command line).
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Give an organisation one of the plans of the settings: its limits and quotas. Takes effect within seconds.
    SetPlan {
        /// The organisation's slug.
        #[arg(long)]
        organization: String,
        /// The plan's name, as in `[limits.plans.NAME]`; "default" for whatever limits.default_plan says.
        #[arg(long)]
        plan: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Copy experiments, runs, models, the registry and files from a running MLflow server. A copy that broke off goes
    /// on where it stopped; one that is repeated brings only what is new. Credentials for the server are read from
    /// MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.
    Mlflow {
        /// The server's address: http://… or https://…
        #[arg(long)]
        uri: String,
        /// The project to copy into, by slug (or organisation/project). Not needed when there is only one.
        #[arg(long)]
        project: Option<String>,
        /// Copy only this experiment, and of the registry what came out of it. May be repeated.
        #[arg(long = "experiment", value_name = "NAME")]
        experiments: Vec<String>,
        /// Copy deleted experiments and runs too; they are deleted here as well.
        #[arg(long)]
        deleted: bool,
        /// Leave files where they are.
        #[arg(long)]
        no_artifacts: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the settings and list every fault.
    Check,
    /// Print the manual of all settings (Markdown).
    Reference,
    /// Print the built-in settings file.
    Default,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Prove that no entry was altered, removed or inserted.
    Verify {
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Make a new signing key, beside a running server or without. It is published at once and signs in an hour; tokens
    /// signed with the one before stay good until they end, so nobody is signed out.
    RotateSigningKey,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Save the database and all blobs into a new folder, while the server runs.
    Create {
        /// The folder to create.
        folder: PathBuf,
    },
    /// Check every file of a backup against its checksum.
    Verify {
        /// The backup's folder.
        folder: PathBuf,
    },
    /// Restore a backup into this (empty) installation.
    Restore {
        /// The backup's folder.
        folder: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_contract_of_serve_and_admin_init_parses() {
        for line in [
            "rhiza serve --config c.toml --data-dir d --listen 127.0.0.1:1 --database-url sqlite://x --storage-url file://y",
            "rhiza worker --database-url postgres://h/d",
            "rhiza admin init --email e@x.org --organization O --project P --password-stdin --data-dir d",
            "rhiza admin init --data-dir d --email e@x.org --organization O --password-stdin",
            "rhiza admin set-plan --organization acme --plan standard --data-dir d",
            "rhiza config check --config c.toml",
            "rhiza audit verify",
            "rhiza tokens rotate-signing-key --data-dir d",
            "rhiza backup create out --data-dir d",
            "rhiza job-child",
            "rhiza import mlflow --uri http://h:5000 --project p --experiment a --experiment b --deleted --data-dir d",
        ] {
            Cli::try_parse_from(line.split(' ')).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
    }

    #[test]
    fn a_password_cannot_be_given_as_an_argument() {
        let line = "rhiza admin init --email e@x.org --organization O --password secret";
        assert!(Cli::try_parse_from(line.split(' ')).is_err());
    }
}
