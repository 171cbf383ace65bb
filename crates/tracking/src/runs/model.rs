//! Runs as such: states and names. Pure.

/// How a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// It runs.
    Running,
    /// It waits to run.
    Scheduled,
    /// It ended well.
    Finished,
    /// It ended badly.
    Failed,
    /// It was stopped.
    Killed,
}

impl RunStatus {
    /// Every status with its name and number on the wire.
    pub const CHOICES: [(&'static str, i64, Self); 5] = [
        ("RUNNING", 1, Self::Running),
        ("SCHEDULED", 2, Self::Scheduled),
        ("FINISHED", 3, Self::Finished),
        ("FAILED", 4, Self::Failed),
        ("KILLED", 5, Self::Killed),
    ];

    /// The number as stored: MLflow's own.
    #[must_use]
    pub const fn number(self) -> i16 {
        match self {
            Self::Running => 1,
            Self::Scheduled => 2,
            Self::Finished => 3,
            Self::Failed => 4,
            Self::Killed => 5,
        }
    }

    /// The name on the wire of a stored number.
    #[must_use]
    pub const fn name_of(number: i16) -> &'static str {
        match number {
            2 => "SCHEDULED",
            3 => "FINISHED",
            4 => "FAILED",
            5 => "KILLED",
            _ => "RUNNING",
        }
    }
}

/// The tag that carries a run's name.
pub const NAME_TAG: &str = "mlflow.runName";
/// The tag that names a run's parent.
pub const PARENT_TAG: &str = "mlflow.parentRunId";

const ADJECTIVES: &[&str] = &[
    "airy", "amber", "ample", "astute", "azure", "balmy", "bold", "brave", "breezy", "bright", "brisk", "calm",
    "candid", "clear", "clever", "cosy", "crisp", "curious", "dapper", "daring", "deep", "deft", "eager", "early",
    "earnest", "easy", "fair", "fleet", "fond", "frank", "free", "fresh", "gentle", "glad", "golden", "grand", "green",
    "hardy", "hazy", "honest", "humble", "jolly", "keen", "kind", "lasting", "light", "lively", "loyal", "lucid",
    "lucky", "mellow", "merry", "mild", "misty", "modest", "neat", "nimble", "noble", "open", "patient", "placid",
    "plain", "pleasant", "proud", "prime", "quick", "quiet", "rapid", "ready", "rich", "robust", "rosy", "round",
    "silent", "silver", "simple", "sleek", "smart", "smooth", "snug", "soft", "solid", "sound", "spry", "steady",
    "still", "sturdy", "subtle", "sunny", "sure", "swift", "tall", "tidy", "tranquil", "true", "upbeat", "vast",
    "vivid", "warm", "wild", "wise", "witty", "young", "zesty",
];

const NOUNS: &[&str] = &[
    "acorn", "alder", "anemone", "aspen", "aster", "bark", "basil", "beech", "birch", "blossom", "bough", "bramble",
    "branch", "briar", "bud", "burdock", "cedar", "chard", "clover", "comfrey", "cone", "cress", "crocus", "cypress",
    "dahlia", "daisy", "dill", "dogwood", "elder", "elm", "fennel", "fern", "fescue", "fig", "fir", "flax", "frond",
    "garlic", "gorse", "grain", "grass", "grove", "hazel", "heath", "hemlock", "holly", "hyssop", "iris", "ivy",
    "juniper", "kelp", "larch", "laurel", "lichen", "lilac", "lily", "linden", "lotus", "lupin", "maple", "meadow",
    "mint", "moss", "myrtle", "nettle", "nut", "oak", "olive", "orchid", "osier", "palm", "peach", "pear", "petal",
    "pine", "plum", "pollen", "poplar", "poppy", "reed", "rhizome", "root", "rose", "rowan", "rush", "sage", "seed",
    "sedge", "shoot", "sorrel", "spore", "spruce", "sprout", "stem", "sumac", "tansy", "thistle", "thorn", "thyme",
    "tulip", "turf", "twig", "vetch", "vine", "violet", "walnut", "willow", "yarrow", "yew",
];

/// A name for a run that came without one, such as `quiet-fern-417`.
#[must_use]
pub fn random_name(random: [u8; 8]) -> String {
    let number = u64::from_le_bytes(random);
    let pick = |words: &[&'static str], bits: u64| {
        let index = usize::try_from(bits % (words.len() as u64)).unwrap_or(0);
        words[index]
    };
    let (adjective, noun) = (pick(ADJECTIVES, number >> 40), pick(NOUNS, (number >> 20) & 0xf_ffff));
    format!("{adjective}-{noun}-{}", (number & 0xf_ffff) % 1000)
}

/// A run's id: 32 hexadecimal digits of a random (version 4) UUID, as MLflow makes them.
#[must_use]
pub fn run_id(random: [u8; 16]) -> String {
    uuid::Builder::from_random_bytes(random).into_uuid().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_three_parts() {
        for seed in 0..200_u8 {
            let name = random_name([seed, 7, seed, 99, seed, 3, 250, seed]);
            let parts: Vec<_> = name.split('-').collect();
            assert_eq!(parts.len(), 3, "{name}");
            assert!(parts[2].parse::<u32>().unwrap() < 1000);
        }
    }

    #[test]
    fn stored_statuses_find_their_names_again() {
        for (name, number, status) in RunStatus::CHOICES {
            assert_eq!(i64::from(status.number()), number);
            assert_eq!(RunStatus::name_of(status.number()), name);
        }
    }
}
