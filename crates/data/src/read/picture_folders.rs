//! What the folders of pictures say: the part of the data (training, validation, test) and the class.

/// What a picture's folders say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub part: Option<&'static str>,
    /// From the outermost.
    pub folders: Vec<String>,
}

/// The part that a folder stands for.
pub(crate) fn part(name: &str) -> Option<&'static str> {
    match name.to_lowercase().as_str() {
        "train" | "training" | "trainset" | "train_set" | "training_set" => Some("train"),
        "val" | "valid" | "validation" | "dev" | "valset" | "val_set" | "validation_set" => Some("validation"),
        "test" | "testing" | "testset" | "test_set" | "holdout" => Some("test"),
        _ => None,
    }
}

/// For the paths of all pictures: their parts, if one level of the folders names at least two of them, and what is left of
/// the folders without those that all pictures share.
pub(super) fn places(paths: &[&str]) -> Vec<Place> {
    let folders = |path: &&str| {
        let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        parts.pop();
        parts
    };
    let mut places: Vec<Place> = paths.iter().map(|p| Place { part: None, folders: folders(p) }).collect();
    let deepest = places.iter().map(|p| p.folders.len()).max().unwrap_or(0);
    let parts = |level: usize| places.iter().map(|p| part(p.folders.get(level)?)).collect::<Option<Vec<_>>>();
    let several = |parts: &Vec<&str>| parts.iter().any(|p| *p != parts[0]);
    if let Some((level, parts)) = (0..deepest).find_map(|level| Some((level, parts(level).filter(several)?))) {
        for (place, part) in places.iter_mut().zip(parts) {
            place.part = Some(part);
            place.folders.remove(level);
        }
    }
    while let Some(first) = places.first().and_then(|p| p.folders.first()).cloned()
        && places.iter().all(|p| p.folders.first() == Some(&first))
        // A single class is one.
        && places.iter().any(|p| p.folders.len() > 1)
    {
        for place in &mut places {
            place.folders.remove(0);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn parts_and_classes_are_told_apart_at_every_level() {
        let read = |paths: &[&str]| {
            let told = |p: &super::Place| format!("{}:{}", p.part.unwrap_or("-"), p.folders.join("/"));
            places(paths).iter().map(told).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(read(&["cat/1.png", "dog/1.png"]), "-:cat -:dog");
        assert_eq!(read(&["set/cat/1.png", "set/dog/1.png"]), "-:cat -:dog");
        assert_eq!(read(&["d/train/cat/1.png", "d/test/dog/1.png"]), "train:cat test:dog");
        assert_eq!(read(&["cat/Training/1.png", "dog/val/1.png"]), "train:cat validation:dog");
        assert_eq!(read(&["train/1.png", "train/2.png"]), "-:train -:train");
        // One of the folders is no part.
        assert_eq!(read(&["train/1.png", "boat/2.png"]), "-:train -:boat");
        assert_eq!(read(&["a/x/1.png", "b/y/2.png"]), "-:a/x -:b/y");
    }
}
