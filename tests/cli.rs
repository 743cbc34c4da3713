//! The headless commands, run as a user runs them: the real program on real files.

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn chainrule(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chainrule"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("the program starts")
}

/// Standard output of a command that must succeed.
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = chainrule(folder, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    out.into_owned()
}

/// The message of a command that must fail with exit code 1.
fn fails(folder: &Path, arguments: &[&str]) -> String {
    let output = chainrule(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).expect("messages are UTF-8")
}

/// What a command that must succeed says on the standard error.
fn notes(folder: &Path, arguments: &[&str]) -> String {
    let output = chainrule(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).expect("messages are UTF-8")
}

fn folder() -> TempDir {
    TempDir::new().expect("the system has a temporary folder")
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("was written")).expect("is JSON")
}

/// Flowers: two numbers and a class, 60 rows.
fn write_flowers(path: &Path) {
    let row = |i: u32| {
        let (kind, base) = if i.is_multiple_of(2) { ("rose", 1.0) } else { ("tulip", 3.0) };
        format!("{},{},{kind}\n", base + f64::from(i % 7) * 0.1, base - f64::from(i % 5) * 0.1)
    };
    let rows: String = (0..60).map(row).collect();
    fs::write(path, format!("length,width,kind\n{rows}")).expect("the folder can be written");
}

#[test]
fn without_a_display_the_main_job_trains_in_the_terminal() {
    let out = succeeds(folder().path(), &[]);
    assert!(out.contains("no display") && out.contains("Training loss") && out.contains("test: accuracy"), "{out}");
}

#[test]
fn the_built_in_presets_reach_their_goals() {
    let folder = folder();
    for (name, metric, goal) in [
        ("spiral", "accuracy", 0.97),
        ("digits", "accuracy", 0.96),
        ("iris", "accuracy", 0.93),
        ("wine", "accuracy", 0.93),
        ("diabetes", "r2", 0.40),
        ("two-outputs", "accuracy", 0.94),
        ("autoencoder", "r2", 0.50),
        ("visits", "r2", 0.95),
        ("wave", "r2", 0.95),
        ("adding", "r2", 0.98),
        ("sorting", "r2", 0.93),
        ("penguins", "accuracy", 0.97),
        ("co2", "r2", 0.95),
        ("glyphs", "accuracy", 0.95),
        ("messages", "accuracy", 0.95),
    ] {
        succeeds(folder.path(), &["train", name, "--report", "report.json"]);
        let reached = json(&folder.path().join("report.json"))["test"][metric].as_f64().expect("a number");
        assert!(reached >= goal, "{name}: {metric} {reached}, goal {goal}");
    }
}

#[test]
fn every_listed_preset_opens_and_its_gradients_are_right() {
    let folder = folder();
    let list = succeeds(folder.path(), &["presets"]);
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names.len(), 23, "{list}");
    for name in names {
        let out = succeeds(folder.path(), &["check", name]);
        assert!(out.contains("Every gradient equals"), "{name}: {out}");
    }
}

#[test]
fn a_saved_run_goes_on_where_it_stopped() {
    let folder = folder();
    let path = folder.path();
    succeeds(path, &["train", "moons", "--epochs", "8", "--save", "whole.json"]);
    succeeds(path, &["train", "moons", "--epochs", "3", "--save", "half.json"]);
    succeeds(path, &["train", "half.json", "--epochs", "8", "--save", "resumed.json", "--threads", "2"]);
    assert_eq!(json(&path.join("whole.json"))["run"], json(&path.join("resumed.json"))["run"]);
    succeeds(path, &["train", "moons", "--epochs", "8", "--seed", "77", "--save", "other.json"]);
    assert_ne!(json(&path.join("whole.json"))["run"], json(&path.join("other.json"))["run"]);
}

/// The files of checkpoints in a folder.
fn checkpoints(folder: &Path) -> Vec<String> {
    let names =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.') && name != "lock").collect();
    names.sort();
    names
}

#[test]
fn a_job_that_is_killed_at_any_moment_resumes_to_the_same_bits() {
    let folder = folder();
    let path = folder.path();
    write_flowers(&path.join("flowers.csv"));
    for job in [&["digits", "--epochs", "9"][..], &["iris", "--data", "flowers.csv", "--epochs", "300"]] {
        let whole = [&["train"], job, &["--save", "whole.json"]].concat();
        succeeds(path, &whole);
        let resumed =
            [&["train"], job, &["--save", "resumed.json", "--resume", "kept", "--checkpoint-every", "2"]].concat();
        let mut killed = 0;
        for round in 0..4 {
            let before = checkpoints(&path.join("kept"));
            let mut child = Command::new(env!("CARGO_BIN_EXE_chainrule"))
                .args(&resumed)
                .current_dir(path)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the program starts");
            let end = Instant::now() + Duration::from_mins(2);
            // At other moments of writing each time.
            while checkpoints(&path.join("kept")) == before && child.try_wait().expect("is a child").is_none() {
                assert!(Instant::now() < end, "no checkpoint was written");
                std::thread::yield_now();
            }
            (0..round * 5_000).for_each(|_| std::thread::yield_now());
            child.kill().ok();
            killed += usize::from(!child.wait().expect("is a child").success());
        }
        assert!(killed > 0, "{job:?} was never killed");
        let said = succeeds(path, &resumed);
        assert!(said.contains("checkpoints of epochs"), "{said}");
        assert_eq!(json(&path.join("whole.json"))["run"], json(&path.join("resumed.json"))["run"], "{job:?}");
        let kept = checkpoints(&path.join("kept"));
        assert_eq!((kept.len(), &*kept[0]), (4, "best.json"), "the three newest and the best: {kept:?}");
        // Once more: there is nothing to train.
        assert!(notes(path, &resumed).contains("is not trained any further"));
        assert_eq!(json(&path.join("whole.json"))["run"], json(&path.join("resumed.json"))["run"]);
        // Each of them is a preset to go on with.
        succeeds(path, &["train", &format!("kept/{}", kept[3]), "--epochs", "301"]);
        fs::remove_dir_all(path.join("kept")).expect("can be removed");
    }
}

#[test]
fn a_preset_in_another_folder_finds_its_data_again() {
    let folder = folder();
    let path = folder.path();
    fs::create_dir_all(path.join("sub/data")).expect("can be made");
    for file in ["flowers.csv", "sub/near.csv", "sub/data/below.csv"] {
        write_flowers(&path.join(file));
        succeeds(path, &["train", "iris", "--data", file, "--epochs", "1", "--save", "sub/a.json"]);
        succeeds(path, &["train", "sub/a.json", "--epochs", "2", "--save", "sub/b.json"]);
        succeeds(path, &["train", "sub/b.json", "--epochs", "3", "--save", "c.json"]);
        // From anywhere.
        succeeds(&path.join("sub"), &["train", "../c.json", "--epochs", "4", "--save", "d.json"]);
        succeeds(&path.join("sub/data"), &["train", "../d.json", "--epochs", "5"]);
    }
    assert_eq!(json(&path.join("sub/b.json"))["data"]["source"]["file"]["path"], "data/below.csv");
}

#[test]
fn checkpoints_that_do_not_belong_or_cannot_be_used_are_told() {
    let folder = folder();
    let path = folder.path();
    let kept = ["--epochs", "4", "--resume", "kept", "--checkpoint-every", "1"];
    let fails_with = |preset: &str, more: &[&str]| fails(path, &[&["train", preset], &kept[..], more].concat());
    let said_by = |more: &[&str]| notes(path, &[&["train", "moons"], &kept[..], more].concat());
    assert!(!said_by(&[]).contains("goes on from"));
    assert_eq!(
        checkpoints(&path.join("kept")),
        ["best.json", "epoch-000002.json", "epoch-000003.json", "epoch-000004.json"]
    );
    let other = fails_with("moons", &["--seed", "9"]);
    assert!(other.contains("epoch-000004.json") && other.contains("its seed is another"), "{other}");
    let other = fails_with("iris", &[]);
    assert!(other.contains("another training") && other.contains("--resume"), "{other}");
    // One that was damaged: the one before it.
    fs::write(path.join("kept/epoch-000004.json"), "{").expect("can be written");
    let said = said_by(&["--save", "again.json"]);
    assert!(said.contains("epoch 4 is left out") && said.contains("goes on from kept/epoch-000003.json"), "{said}");
    succeeds(path, &["train", "moons", "--epochs", "4", "--save", "whole.json"]);
    assert_eq!(json(&path.join("whole.json"))["run"], json(&path.join("again.json"))["run"]);
    // The same rows, split in another way.
    edited(path, "whole.json", "split.json", |p| p["data"]["preparation"]["split"]["test"] = 0.25.into());
    let other = fails_with("split.json", &[]);
    assert!(other.contains("its data are others, or prepared in another way"), "{other}");
    for name in checkpoints(&path.join("kept")) {
        fs::write(path.join("kept").join(name), "{").expect("can be written");
    }
    assert!(fails_with("moons", &[]).contains("no checkpoint in kept can be read"));
    // Where they cannot be kept.
    fs::write(path.join("file"), "").expect("can be written");
    let refused = fails(path, &["train", "moons", "--epochs", "1", "--resume", "file"]);
    assert!(refused.contains("cannot be kept in file"), "{refused}");
    let lock = fs::File::create(path.join("kept/lock")).expect("can be made");
    lock.try_lock().expect("nobody has it");
    assert!(fails_with("moons", &[]).contains("another training keeps its checkpoints in kept"));
    for zero in [&["--checkpoint-every", "2"][..], &["--resume", "kept", "--checkpoint-every", "0"]] {
        assert_eq!(chainrule(path, &[&["train", "moons"], zero].concat()).status.code(), Some(2));
    }
}

/// A preset with changes to its JSON.
fn edited(path: &Path, from: &str, to: &str, change: impl FnOnce(&mut Value)) {
    let mut preset = json(&path.join(from));
    change(&mut preset);
    fs::write(path.join(to), preset.to_string()).expect("can be written");
}

#[test]
fn an_early_stopped_run_is_not_trained_any_further_and_says_so() {
    let folder = folder();
    let path = folder.path();
    succeeds(path, &["train", "iris", "--epochs", "1", "--save", "iris.json"]);
    edited(path, "iris.json", "watched.json", |v| {
        v.as_object_mut().expect("an object").remove("run");
        v["training"]["learning_rate"] = 0.3.into();
        v["training"]["early_stopping"] = serde_json::json!({"patience": 3, "restore_best": true});
    });
    let out = succeeds(path, &["train", "watched.json", "--save", "once.json", "--report", "once-report.json"]);
    let report = json(&path.join("once-report.json"));
    assert_eq!(report["stopped"], "early");
    let best = report["restored_epoch"].as_u64().expect("the best epoch came back");
    assert!(out.contains(&format!("those of epoch {best}, which has the lowest validation loss")), "{out}");
    let said = notes(path, &["train", "once.json", "--save", "twice.json", "--report", "twice-report.json"]);
    assert!(said.contains(&format!("ended the run of once.json at epoch {}", best + 3)), "{said}");
    assert!(said.contains("raise the patience"), "{said}");
    assert_eq!(json(&path.join("once.json"))["run"], json(&path.join("twice.json"))["run"]);
    assert_eq!(json(&path.join("twice-report.json"))["epochs"], serde_json::json!([]));
    // More patience is a way on.
    edited(path, "once.json", "patient.json", |v| v["training"]["early_stopping"]["patience"] = 5.into());
    assert!(!notes(path, &["train", "patient.json", "--save", "on.json"]).contains("any further"));
    assert!(
        json(&path.join("on.json"))["run"]["epoch"].as_u64() > json(&path.join("once.json"))["run"]["epoch"].as_u64()
    );

    // The number of epochs ends before patience does: the best epoch comes back as well.
    edited(path, "watched.json", "long.json", |v| v["training"]["early_stopping"]["patience"] = 1000.into());
    succeeds(path, &["train", "long.json", "--epochs", "25", "--save", "end.json", "--report", "end.json.report"]);
    let report = json(&path.join("end.json.report"));
    let losses: Vec<f64> =
        report["epochs"].as_array().expect("a list").iter().filter_map(|e| e["val_loss"].as_f64()).collect();
    let best = losses.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).expect("there are epochs").0 as u64 + 1;
    assert_eq!((report["stopped"].as_str(), report["restored_epoch"].as_u64()), (Some("epochs"), Some(best)));
    assert!(notes(path, &["train", "end.json", "--epochs", "25"]).contains("already has 25 epochs"));
}

#[test]
fn a_saved_run_on_other_data_or_with_another_seed_starts_anew_and_says_what_is_kept() {
    let folder = folder();
    let path = folder.path();
    write_flowers(&path.join("flowers.csv"));
    succeeds(path, &["train", "circle", "--data", "flowers.csv", "--epochs", "3", "--save", "flowers.json"]);
    let said = notes(path, &["train", "flowers.json", "--data", "flowers.csv", "--epochs", "2", "--save", "anew.json"]);
    for part in
        ["--data asks for other rows", "starts anew", "flowers.json (3 epochs)", "steps of the preparation", "not kept"]
    {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
    assert_eq!(json(&path.join("anew.json"))["run"]["epoch"], 2);
    fs::write(path.join("others.csv"), "a,b\n1,2\n2,4\n3,6\n4,8\n5,10\n6,12\n7,14\n8,16\n").expect("can be written");
    let said = notes(path, &["train", "flowers.json", "--data", "others.csv", "--epochs", "1"]);
    assert!(said.contains("nothing of the preparation"), "{said}");
    let said = notes(path, &["train", "flowers.json", "--seed", "9", "--epochs", "1"]);
    assert!(said.contains("--seed asks for other initial parameters") && said.contains("with seed 9"), "{said}");
    assert!(!notes(path, &["train", "flowers.json", "--epochs", "4"]).contains("note: "));
}

#[test]
fn the_report_has_every_epoch() {
    let folder = folder();
    succeeds(folder.path(), &["train", "iris", "--epochs", "5", "--seed", "3", "--report", "r.json"]);
    let report = json(&folder.path().join("r.json"));
    assert_eq!((report["seed"].as_u64(), report["stopped"].as_str()), (Some(3), Some("epochs")));
    let epochs = report["epochs"].as_array().expect("a list");
    assert_eq!(epochs.iter().filter_map(|e| e["epoch"].as_u64()).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(epochs[4]["train_loss"].as_f64() < epochs[0]["train_loss"].as_f64(), "the loss falls");
    assert!(epochs.iter().all(|e| e["val"]["accuracy"].as_f64().is_some()));
}

#[test]
fn a_table_of_ones_own_is_described_trained_on_and_predicted() {
    let folder = folder();
    let path = folder.path();
    write_flowers(&path.join("flowers.csv"));
    let described: Value =
        serde_json::from_str(&succeeds(path, &["inspect", "flowers.csv", "--json"])).expect("is JSON");
    assert_eq!(described["rows"], 60);
    assert_eq!(described["columns"][2]["role"], "target");
    assert_eq!(described["columns"][2]["levels"][0]["count"], 30);
    assert!(succeeds(path, &["inspect", "flowers.csv"]).contains("rose (30), tulip (30)"));

    succeeds(path, &["train", "circle", "--data", "flowers.csv", "--epochs", "60", "--save", "flowers.json"]);
    let preset = json(&path.join("flowers.json"));
    assert_eq!(preset["data"]["source"]["file"]["path"], "flowers.csv", "relative to the preset");

    fs::write(path.join("new.csv"), "length,width\n1.1,0.9\n3.2,2.8\n,1\n").expect("can be written");
    succeeds(path, &["predict", "flowers.json", "--data", "new.csv", "--out", "out.csv"]);
    let out = fs::read_to_string(path.join("out.csv")).expect("was written");
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split(',').collect()).collect();
    // The circle's loss is a squared error, which does not make probabilities.
    assert_eq!(rows[0], ["row", "kind", "score(rose)", "score(tulip)"]);
    assert_eq!((rows[1][1], rows[2][1], rows[3][1]), ("rose", "tulip", ""), "nothing is known of gaps");
    // What training has not seen is named by its row.
    fs::write(path.join("odd.csv"), "length,width\n1.1,0.9\n9000,2.8\n,1\n").expect("can be written");
    let told = notes(path, &["predict", "flowers.json", "--data", "odd.csv", "--out", "odd-out.csv"]);
    assert!(told.contains("1 row has missing features (\"length\" in row 3)"), "{told}");
    assert!(
        told.contains("\"length\" is outside of what training has seen") && told.contains("row 2 with 9000"),
        "{told}"
    );
    // Where training rows have gaps, those of new rows are imputed in the same way, and that is told.
    let gaps = fs::read_to_string(path.join("flowers.csv")).expect("is there").replacen('\n', "\n,1,rose\n", 1);
    fs::write(path.join("gaps.csv"), gaps).expect("can be written");
    succeeds(path, &["train", "circle", "--data", "gaps.csv", "--epochs", "20", "--save", "gaps.json"]);
    let told = notes(path, &["predict", "gaps.json", "--data", "new.csv", "--out", "gaps-out.csv"]);
    assert!(
        told.contains("1 row has missing values that were imputed, as in the training data: row 3, in \"length\""),
        "{told}"
    );
    let imputed = fs::read_to_string(path.join("gaps-out.csv")).expect("was written");
    assert!(imputed.lines().nth(3).is_some_and(|line| line.split(',').all(|cell| !cell.is_empty())), "{imputed}");
    let [rose, tulip] = [2, 3].map(|k| rows[1][k].parse::<f64>().expect("a number"));
    assert!(rose > 0.0 && tulip == -rose, "{rose} {tulip}");
}

#[test]
fn texts_with_unseen_words_are_predicted_and_the_unseen_words_are_counted() {
    let folder = folder();
    let path = folder.path();
    succeeds(path, &["train", "messages", "--save", "trained.json"]);
    let rows = "message\nZyzzyva! When is the rubbish picked up on Monday?\nThe street lamp flickers every qwertz.\n";
    std::fs::write(path.join("new.csv"), rows).expect("can be written");
    let told = notes(path, &["predict", "trained.json", "--data", "new.csv", "--out", "out.csv"]);
    assert!(told.contains("\"message\": 2 of 18 tokens of the file (11.1 %) are not in the vocabulary"), "{told}");
    let out = std::fs::read_to_string(path.join("out.csv")).expect("was written");
    let topics: Vec<&str> = out.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    assert_eq!(topics, ["waste", "lights"], "{out}");
}

#[test]
fn an_index_that_no_row_of_a_sparse_file_has_is_zero() {
    let folder = folder();
    let path = folder.path();
    let row = |i: u32| format!("{} 1:{} 3:{}\n", i % 2, f64::from(i % 2) + f64::from(i % 7) / 20.0, i % 5);
    fs::write(path.join("train.svm"), (0..60).map(row).collect::<String>()).expect("can be written");
    succeeds(path, &["train", "circle", "--data", "train.svm", "--epochs", "40", "--save", "t.json"]);
    // The last feature is in none of the new rows, and one that training did not have is in the last.
    fs::write(path.join("new.svm"), "0 1:1.1\n0 1:0.1\n0 1:0.1 9:4\n").expect("can be written");
    succeeds(path, &["predict", "t.json", "--data", "new.svm", "--out", "out.csv"]);
    let out = fs::read_to_string(path.join("out.csv")).expect("was written");
    let classes: Vec<&str> = out.lines().skip(1).filter_map(|l| l.split(',').nth(1)).collect();
    assert_eq!(classes, ["1", "0", "0"]);
}

#[test]
fn predictions_of_numbers_are_in_the_units_of_the_target() {
    let folder = folder();
    let path = folder.path();
    let rows: String = (0..80).map(|i| format!("{i},{}\n", 1000 + 50 * i)).collect();
    fs::write(path.join("prices.csv"), format!("x,price\n{rows}")).expect("can be written");
    succeeds(path, &["train", "sine", "--data", "prices.csv", "--epochs", "300", "--save", "p.json"]);
    fs::write(path.join("ask.csv"), "x\n10\n60\n").expect("can be written");
    succeeds(path, &["predict", "p.json", "--data", "ask.csv", "--out", "out.csv"]);
    let out = fs::read_to_string(path.join("out.csv")).expect("was written");
    for (line, want) in out.lines().skip(1).zip([1500.0, 4000.0]) {
        let got: f64 = line.split(',').nth(1).expect("a value").parse().expect("a number");
        assert!((got - want).abs() < 150.0, "{got}, wanted about {want}");
    }
}

#[test]
fn a_model_predicts_the_file_that_it_was_trained_on_however_it_is_read() {
    let folder = folder();
    let path = folder.path();
    // Nothing of this could be detected: lines before the table, no header, bars, and a comma in the numbers.
    let shuffled = |i: u32| i * 37 % 80;
    let rows: String = (0..80).map(|i| format!("{},5|{},25\n", shuffled(i), 1000 + 50 * shuffled(i))).collect();
    fs::write(path.join("prices.txt"), format!("made|by|hand\n|\n{rows}")).expect("can be written");
    let reading = ["--delimiter", "|", "--header", "no", "--decimal-comma", "yes", "--skip", "2"];
    let train = ["train", "sine", "--data", "prices.txt", "--epochs", "300", "--save", "p.json"];
    succeeds(path, &[&train[..], &reading].concat());
    let options = &json(&path.join("p.json"))["data"]["source"]["file"]["options"];
    assert_eq!((&options["delimiter"], &options["header"], &options["skip"]), (&"|".into(), &false.into(), &2.into()));
    let first = |file: &str| {
        let out = fs::read_to_string(path.join(file)).expect("was written");
        assert_eq!(out.lines().count(), 81, "{out}");
        out.lines().nth(1).and_then(|l| l.split(',').nth(1)?.parse::<f64>().ok()).expect("a number")
    };
    assert_eq!(notes(path, &["predict", "p.json", "--data", "prices.txt", "--out", "out.csv"]), "");
    assert!((first("out.csv") - 1000.25).abs() < 200.0, "{}", first("out.csv"));

    // The command line overrides what the preset says, and what neither says is detected.
    let other: String = (0..80).map(|i| format!("{}.5;0\n", shuffled(i))).collect();
    fs::write(path.join("other.txt"), &other).expect("can be written");
    let predict = ["predict", "p.json", "--data", "other.txt", "--out", "other.csv"];
    let told = ["--delimiter", ";", "--decimal-comma", "no", "--skip", "0"];
    assert_eq!(notes(path, &[&predict[..], &told].concat()), "");
    assert!((first("other.csv") - first("out.csv")).abs() < 1e-3);
    let said = notes(path, &[&predict[..], &["--header", "no"]].concat());
    assert!(said.contains("its format was detected") && said.contains("--delimiter"), "{said}");
    assert!((first("other.csv") - first("out.csv")).abs() < 1e-3);

    let message = fails(path, &["train", "sine", "--skip", "2"]);
    assert!(message.contains("the file that --data names"), "{message}");
    let described: Value =
        serde_json::from_str(&succeeds(path, &[&["inspect", "prices.txt", "--json"][..], &reading].concat()))
            .expect("is JSON");
    assert_eq!((&described["rows"], &described["columns"][1]["type"]), (&80.into(), &"number".into()));
}

/// For every loss on classes, on one number, or on shares that add up to 1.
#[test]
fn columns_of_predictions_are_named_for_what_they_hold() {
    let folder = folder();
    let path = folder.path();
    write_flowers(&path.join("flowers.csv"));
    let shares: String =
        (0..40).map(|i| format!("{i},{0},{1}\n", f64::from(i) / 40.0, 1.0 - f64::from(i) / 40.0)).collect();
    fs::write(path.join("shares.csv"), format!("x,left,right\n{shares}")).expect("can be written");
    succeeds(path, &["train", "circle", "--data", "flowers.csv", "--epochs", "1", "--save", "classes.json"]);
    succeeds(path, &["train", "sine", "--data", "shares.csv", "--epochs", "1", "--save", "values.json"]);
    let layers = |v: &Value| v["network"]["layers"].as_array().map_or(0, Vec::len);
    let predict = |from: &str, data: &str, loss: &str, activation: &str, units: u64, change: &dyn Fn(&mut Value)| {
        edited(path, from, "model.json", |v| {
            v.as_object_mut().expect("an object").remove("run");
            let end = layers(v) - 1;
            v["network"]["layers"][end]["kind"]["output"]["loss"] = loss.into();
            v["network"]["layers"][end - 1]["kind"]["dense"]["activation"] = activation.into();
            v["network"]["layers"][end - 1]["kind"]["dense"]["units"] = units.into();
            change(v);
        });
        succeeds(path, &["train", "model.json", "--epochs", "5", "--save", "model.json"]);
        succeeds(path, &["predict", "model.json", "--data", data, "--out", "out.csv"]);
        let out = fs::read_to_string(path.join("out.csv")).expect("was written");
        let mut lines = out.lines().map(|l| l.split(',').map(str::to_owned).collect::<Vec<_>>());
        (lines.next().expect("a header"), lines.collect::<Vec<_>>())
    };
    for (loss, activation, units, what) in [
        ("categorical_cross_entropy", "identity", 2, "p"),
        ("focal", "identity", 2, "p"),
        ("kullback_leibler", "identity", 2, "p"),
        ("binary_cross_entropy", "identity", 1, "p"),
        ("binary_cross_entropy", "identity", 2, "p"),
        ("hinge", "identity", 1, "score"),
        ("hinge", "identity", 2, "score"),
        ("mean_squared_error", "tanh", 1, "score"),
        ("mean_squared_error", "sigmoid", 1, "score"),
        ("mean_absolute_error", "identity", 2, "score"),
        ("huber", "identity", 2, "score"),
        ("cosine", "identity", 2, "score"),
    ] {
        let (header, rows) = predict("classes.json", "flowers.csv", loss, activation, units, &|_| ());
        assert_eq!(header[1..], ["kind".to_owned(), format!("{what}(rose)"), format!("{what}(tulip)")], "{loss}");
        for row in rows {
            let [rose, tulip] = [2, 3].map(|k| row[k].parse::<f64>().expect("a number"));
            assert_eq!(row[1], if tulip > rose { "tulip" } else { "rose" }, "{loss} with {units} units: {row:?}");
            // Two units of a binary cross-entropy are probabilities each by itself.
            let share = what == "p" && (loss, units) != ("binary_cross_entropy", 2);
            assert!(!share || (rose + tulip - 1.0).abs() < 1e-5, "{loss}: {row:?}");
        }
    }
    let as_they_are = |v: &mut Value| {
        for column in v["data"]["preparation"]["columns"].as_array_mut().expect("a list") {
            let shares = column["name"] != "x";
            column["role"] = if shares { "target" } else { "feature" }.into();
            column["treatment"] = if shares { "as_is" } else { "standardise" }.into();
        }
    };
    for (loss, header) in [
        ("mean_squared_error", ["left", "right"]),
        ("mean_absolute_error", ["left", "right"]),
        ("huber", ["left", "right"]),
        ("kullback_leibler", ["p(left)", "p(right)"]),
        ("cosine", ["direction(left)", "direction(right)"]),
    ] {
        let (found, rows) = predict("values.json", "shares.csv", loss, "identity", 2, &as_they_are);
        assert_eq!(found[1..], header, "{loss}");
        for row in rows.iter().filter(|_| loss == "cosine" || loss == "kullback_leibler") {
            let [left, right] = [1, 2].map(|k| row[k].parse::<f64>().expect("a number"));
            let sum = if loss == "cosine" { left.hypot(right) } else { left + right };
            assert!((sum - 1.0).abs() < 1e-5, "{loss}: {row:?}");
        }
    }
    // Two outputs that predict the same are told apart by their names.
    let twice = |v: &mut Value| {
        as_they_are(v);
        let end = layers(v) - 1;
        let network = &mut v["network"];
        let mut second = network["layers"][end].clone();
        let fed_by = network["layers"][end - 1]["id"].clone();
        (second["id"], second["name"]) = (99.into(), "Again".into());
        network["layers"].as_array_mut().expect("a list").push(second);
        network["wires"].as_array_mut().expect("a list").push(serde_json::json!({"from": fed_by, "to": 99}));
    };
    let end = |v: &Value| v["network"]["layers"][layers(v) - 1]["name"].as_str().expect("has a name").to_owned();
    let name = end(&json(&path.join("values.json")));
    let (found, _) = predict("values.json", "shares.csv", "mean_squared_error", "identity", 2, &|v| twice(v));
    let want = [format!("{name}: left"), format!("{name}: right"), "Again: left".into(), "Again: right".into()];
    assert_eq!(found[1..], want);
}

#[test]
fn the_schema_describes_what_presets_hold() {
    let folder = folder();
    let schema: Value = serde_json::from_str(&succeeds(folder.path(), &["schema"])).expect("is JSON");
    succeeds(folder.path(), &["train", "xor", "--epochs", "1", "--save", "xor.json"]);
    let preset = json(&folder.path().join("xor.json"));
    for key in preset.as_object().expect("an object").keys() {
        assert!(schema["properties"][key].is_object(), "{key} is not in the schema");
    }
}

#[test]
fn the_bench_measures_what_is_named_and_refuses_the_rest() {
    let folder = folder();
    let out = succeeds(folder.path(), &["bench", "W1", "w2", "--seconds", "0.05", "--threads", "1"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 2);
    for (line, start) in lines.iter().zip(["W1 chainrule-1 ", "W2 chainrule-1 "]) {
        let rate = line.strip_prefix(start).and_then(|rest| rest.split_whitespace().next());
        assert!(rate.and_then(|r| r.parse::<f64>().ok()).is_some_and(|r| r > 0.0), "{line}");
    }
    assert!(fails(folder.path(), &["bench", "W9"]).contains("W1, W1b, W2, W3, W3b, W4, W5"));
}

/// The output of a command that must end, with what is piped into it.
fn run_to_end(folder: &Path, arguments: &[&str], input: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
    let command = command.args(arguments).current_dir(folder).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    let mut child =
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let begun = Instant::now();
    while child.try_wait().expect("can be waited for").is_none() {
        if begun.elapsed() > Duration::from_mins(1) {
            child.kill().expect("can be ended");
            panic!("{arguments:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("has ended")
}

/// A preset of two number features and two number targets, which are named by the output.
fn two_numbers(path: &Path) -> Value {
    let row = |i: u32| {
        let (a, b) = (f64::from(i % 7), f64::from(i * 5 % 11));
        format!("{a},{b},{},{},{}\n", a + b, a - b, 2.0 * a)
    };
    let rows: String = (0..60).map(row).collect();
    fs::write(path.join("two.csv"), format!("a,b,t1,t2,t3\n{rows}")).expect("can be written");
    let column = |name: &str, role: &str| serde_json::json!({"name": name, "role": role});
    serde_json::json!({
        "format": "chainrule-preset",
        "version": 1,
        "name": "Two numbers",
        "data": {
            "source": {"file": {"path": "two.csv"}},
            "preparation": {"columns": [
                column("a", "feature"), column("b", "feature"), column("t1", "target"), column("t2", "target"), column("t3", "target"),
            ]},
        },
        "network": {
            "layers": [
                {"id": 1, "name": "Input", "kind": {"input": {}}},
                {"id": 2, "name": "Dense", "kind": {"dense": {"units": 2, "activation": "identity"}}},
                {"id": 3, "name": "Output", "kind": {
                    "output": {"loss": "mean_squared_error", "target": {"columns": ["t1", "t2"]}}
                }},
            ],
            "wires": [{"from": 1, "to": 2}, {"from": 2, "to": 3}],
        },
        "training": {"learning_rate": 0.05, "batch_size": 8, "epochs": 80},
    })
}

#[test]
fn an_output_may_be_compared_with_any_columns_of_numbers_in_every_command() {
    let folder = folder();
    let path = folder.path();
    let mut preset = two_numbers(path);
    for columns in [&["t1", "t2"][..], &["t2", "t1"], &["t3", "t1"], &["t1", "t2", "t3"], &["t2"]] {
        preset["network"]["layers"][1]["kind"]["dense"]["units"] = columns.len().into();
        preset["network"]["layers"][2]["kind"]["output"]["target"] = serde_json::json!({"columns": columns});
        fs::write(path.join("p.json"), preset.to_string()).expect("can be written");
        succeeds(path, &["train", "p.json", "--save", "run.json", "--report", "r.json"]);
        let r2 = json(&path.join("r.json"))["test"]["r2"].as_f64().expect("a number");
        assert!(r2 > 0.99, "{columns:?}: {r2}");
        assert!(succeeds(path, &["check", "p.json"]).contains("Every gradient equals"), "{columns:?}");
        assert!(succeeds(path, &["trace", "p.json"]).contains("step 1"), "{columns:?}");
        assert!(succeeds(path, &["cross-validate", "p.json", "--epochs", "2"]).contains("R²"), "{columns:?}");
        assert!(succeeds(path, &["find-rate", "p.json", "--steps", "10"]).contains("learning rate"), "{columns:?}");
        succeeds(path, &["predict", "run.json", "--data", "two.csv", "--out", "o.csv"]);
        let predicted = fs::read_to_string(path.join("o.csv")).expect("was written");
        let mut lines = predicted.lines();
        assert_eq!(lines.next(), Some(format!("row,{}", columns.join(",")).as_str()));
        // The second row is a = 1, b = 5.
        let truth = |name: &&str| match *name {
            "t1" => 6.0,
            "t2" => -4.0,
            _ => 2.0,
        };
        let second: Vec<f64> =
            lines.nth(1).expect("a row").split(',').skip(1).map(|v| v.parse().expect("a number")).collect();
        for (value, name) in second.iter().zip(columns) {
            assert!((value - truth(name)).abs() < 0.5, "{columns:?}: {second:?}");
        }
    }
}

/// Whatever may never end is not opened; what is piped in is read where a minus sign asks for it.
#[cfg(unix)]
#[test]
fn a_negative_number_is_a_value_that_is_refused() {
    let folder = folder();
    for arguments in [["train", "circle", "--epochs", "-1"], ["cross-validate", "circle", "--folds", "-3"]] {
        let output = chainrule(folder.path(), &arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && text.contains("invalid value") && !text.contains("-- -"), "{text}");
    }
    // Every option says what it does.
    for command in ["train", "predict", "inspect", "suggest", "cross-validate", "find-rate", "trace", "check", "bench"]
    {
        let help = succeeds(folder.path(), &[command, "--help"]);
        for option in help.split("\n\n").filter(|block| block.trim_start().starts_with("--")) {
            assert!(option.trim().lines().count() > 1, "{command}: {option}");
        }
    }
}

#[test]
fn rows_in_the_order_of_time_and_missing_columns_are_told() {
    let folder = folder();
    let day = |i: u32| format!("2024-{:02}-{:02},{},{}\n", 1 + i / 28, 1 + i % 28, i * 7 % 11, i * 5 % 13);
    let rows: String = (0..80).map(day).collect();
    fs::write(folder.path().join("sales.csv"), format!("day,sold,price\n{rows}")).expect("can be written");
    let save = ["train", "--data", "sales.csv", "--target", "sold", "--epochs", "1", "--save", "m.json"];
    let said = notes(folder.path(), &save);
    assert!(said.contains("in the order of \"day\"") && said.contains("split by time"), "{said}");
    fs::write(folder.path().join("new.csv"), "day\n2024-05-01\n").expect("can be written");
    let said = fails(folder.path(), &["predict", "m.json", "--data", "new.csv", "--out", "p.csv"]);
    assert!(said.contains("no column \"price\", which the network was trained on"), "{said}");
    let said = fails(folder.path(), &["cross-validate", "m.json", "--folds", "1"]);
    assert!(said.contains("into 1 fold."), "{said}");
}

#[test]
fn only_files_folders_and_standard_input_are_read() {
    let folder = folder();
    let path = folder.path();
    write_flowers(&path.join("flowers.csv"));
    assert!(Command::new("mkfifo").arg(path.join("pipe.json")).status().expect("mkfifo is there").success());
    fs::create_dir(path.join("pictures")).expect("can be made");
    std::os::unix::fs::symlink("../pipe.json", path.join("pictures/a.png")).expect("can be made");
    succeeds(path, &["train", "iris", "--epochs", "1", "--save", "run.json"]);
    let mut preset = json(&path.join("run.json"));
    preset["data"]["source"] = serde_json::json!({"file": {"path": "/dev/zero"}});
    fs::write(path.join("endless.json"), preset.to_string()).expect("can be written");
    let cases: [(&[&str], &str); 12] = [
        (&["train", "iris", "--data", "/dev/zero"], "a device"),
        (&["train", "iris", "--data", "pipe.json"], "a pipe"),
        (&["cross-validate", "iris", "--data", "/dev/urandom"], "a device"),
        (&["find-rate", "iris", "--data", "pipe.json"], "a pipe"),
        (&["predict", "run.json", "--data", "/dev/zero", "--out", "o.csv"], "a device"),
        (&["inspect", "/dev/zero"], "a device"),
        (&["inspect", "pipe.json"], "a pipe"),
        (&["inspect", "pictures"], "no pictures"),
        (&["bench", "--load", "/dev/zero"], "a device"),
        (&["train", "pipe.json"], "a pipe"),
        (&["check", "endless.json"], "/dev/zero is a device"),
        (&["trace", "endless.json"], "may never end"),
    ];
    for (arguments, says) in cases {
        let output = run_to_end(path, arguments, Stdio::null());
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
        assert!(message.contains(says), "{arguments:?}: {message}");
    }
    // A pipe is standard input here.
    #[allow(clippy::zombie_processes)] // it ends when the file has been read
    let piped = |name: &str| {
        let mut cat = Command::new("cat").arg(path.join(name)).stdout(Stdio::piped()).spawn().expect("cat is there");
        Stdio::from(cat.stdout.take().expect("is piped"))
    };
    let out = |output: Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let told = out(run_to_end(path, &["inspect", "-"], piped("flowers.csv")));
    assert!(told.contains("standard input: 60 rows, 3 columns"), "{told}");
    let told = out(run_to_end(path, &["train", "iris", "--data", "-", "--epochs", "2"], piped("flowers.csv")));
    assert!(told.contains("2 epochs"), "{told}");
    let told = out(run_to_end(path, &["train", "-", "--epochs", "2"], piped("run.json")));
    assert!(told.contains("Iris"), "{told}");
    let refused = run_to_end(path, &["train", "iris", "--data", "-", "--save", "s.json"], piped("flowers.csv"));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Save the data as a file"));
    let refused = run_to_end(path, &["inspect", "-"], Stdio::null());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("standard input is empty"));
}

#[test]
fn more_threads_than_make_sense_are_refused_by_every_command() {
    let folder = folder();
    for arguments in [
        &["train", "xor"][..],
        &["cross-validate", "iris"],
        &["find-rate", "iris"],
        &["bench", "W1"],
        &["bench", "--load", "x.csv"],
    ] {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--threads", "100000"]).collect();
        let output = run_to_end(folder.path(), &arguments, Stdio::null());
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
        assert!(
            message.contains("--threads 100000 is more than the limit of") && message.contains("core"),
            "{message}"
        );
    }
    let out = run_to_end(folder.path(), &["train", "xor", "--epochs", "5", "--threads", "64"], Stdio::null());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// Settings of every kind that make no sense, each told with its layer or its path in the preset.
#[test]
fn settings_that_make_no_sense_are_refused_with_their_place() {
    let folder = folder();
    let path = folder.path();
    let good = two_numbers(path);
    let kind = |v: &mut Value, kind: Value| v["network"]["layers"][1]["kind"] = kind;
    let dense = |v: &mut Value, key: &str, value: Value| v["network"]["layers"][1]["kind"]["dense"][key] = value;
    let insert = |v: &mut Value, kind: Value| {
        let layers = v["network"]["layers"].as_array_mut().expect("a list");
        layers.push(serde_json::json!({"id": 9, "name": "Between", "kind": kind}));
        v["network"]["wires"] = serde_json::json!([{"from": 1, "to": 9}, {"from": 9, "to": 2}, {"from": 2, "to": 3}]);
    };
    let step = |v: &mut Value, step: Value| v["data"]["preparation"]["steps"] = Value::Array(vec![step]);
    let training = |v: &mut Value, key: &str, value: Value| v["training"][key] = value;
    let generator = |v: &mut Value, key: &str, value: Value| {
        v["data"] =
            serde_json::json!({"source": {"generator": {"shape": "circle", "samples": 100, "noise": 0.1, "seed": 1}}});
        v["data"]["source"]["generator"][key] = value;
    };
    type Change<'a> = Box<dyn Fn(&mut Value) + 'a>;
    let j = |text: &str| serde_json::from_str::<Value>(text).expect("is JSON");
    let cases: Vec<(Change<'_>, &[&str])> = vec![
        // Versions
        (Box::new(|v| v["version"] = 0.into()), &["bad.json has version 0, which there is not", "version 1"]),
        (Box::new(|v| v["version"] = (-1).into()), &["has version -1, which there is not"]),
        (Box::new(|v| v["version"] = "1".into()), &["has version \"1\", which there is not"]),
        (Box::new(|v| v["version"] = 1.5.into()), &["has version 1.5"]),
        (Box::new(|v| v["version"] = 2.into()), &["version 2", "newer Chainrule"]),
        // What names nothing
        (
            Box::new(|v| kind(v, j("{}"))),
            &["network.layers[1].kind: an empty object names nothing; expected one of `dense`, `gated`"],
        ),
        (Box::new(|v| kind(v, j("3"))), &["network.layers[1].kind: 3 names nothing; expected one of `dense`"]),
        (
            Box::new(|v| kind(v, j(r#"{"dropout": {"rate": 0.1}, "noise": {"deviation": 0.1}}"#))),
            &["network.layers[1].kind: an object of one key was expected, but it has dropout, noise"],
        ),
        (
            Box::new(|v| v["data"]["source"] = j("{}")),
            &["data.source: an empty object names nothing; expected one of `generator`"],
        ),
        (
            Box::new(|v| training(v, "optimizer", j("{}"))),
            &["training.optimizer: an empty object names nothing; expected one of `sgd`"],
        ),
        // Numbers that single precision does not hold
        (
            Box::new(|v| training(v, "learning_rate", j("1e300"))),
            &["training.learning_rate", "1e+300 is too large", "3.4e38"],
        ),
        (
            Box::new(|v| training(v, "optimizer", j(r#"{"momentum": {"momentum": 1e39}}"#))),
            &["training.optimizer.momentum.momentum", "1e+39"],
        ),
        (Box::new(|v| v["network"]["layers"][1]["rate"] = j("-1e300")), &["network.layers[1].rate", "-1e+300"]),
        (
            Box::new(|v| dense(v, "initialiser", j(r#"{"constant": {"value": 1e300}}"#))),
            &["network.layers[1].kind.dense.initialiser.constant.value", "1e+300"],
        ),
        (Box::new(|v| v["network"]["layers"][0]["position"] = j("[0, 1e300]")), &["network.layers[0].position[1]"]),
        // Training
        (Box::new(|v| training(v, "learning_rate", j("-0.1"))), &["training.learning_rate", "at least 0, but is -0.1"]),
        (Box::new(|v| training(v, "l1", j("-1"))), &["training.l1", "at least 0"]),
        (Box::new(|v| training(v, "l2", j("-1"))), &["training.l2", "at least 0"]),
        (Box::new(|v| training(v, "batch_size", j("0"))), &["training.batch_size", "between 1 and 65536"]),
        (Box::new(|v| training(v, "accumulate", j("0"))), &["training.accumulate", "Between 1 and 65536"]),
        (Box::new(|v| training(v, "clip_norm", j("0"))), &["training.clip_norm", "above 0"]),
        (Box::new(|v| training(v, "clip_value", j("-1"))), &["training.clip_value", "above 0"]),
        (
            Box::new(|v| training(v, "schedule", j(r#"{"step": {"every": 0, "factor": 0.5}}"#))),
            &["training.schedule", "every must be at least 1"],
        ),
        (
            Box::new(|v| training(v, "schedule", j(r#"{"one_cycle": {"epochs": 10, "rise": 1}}"#))),
            &["training.schedule", "rise between 0 and 1"],
        ),
        (
            Box::new(|v| training(v, "optimizer", j(r#"{"adam": {"beta1": 1, "beta2": 0.9, "epsilon": 1e-8}}"#))),
            &["training.optimizer", "Adam", "below 1"],
        ),
        (
            Box::new(|v| training(v, "optimizer", j(r#"{"rprop": {"shrink": 0.5, "grow": 0.9}}"#))),
            &["training.optimizer", "grow must be"],
        ),
        // Layers
        (
            Box::new(|v| dense(v, "initialiser", j(r#"{"uniform": {"low": 1, "high": -1}}"#))),
            &["Dense: the lowest initial weight, 1, is above the highest, -1"],
        ),
        (
            Box::new(|v| dense(v, "initialiser", j(r#"{"normal": {"std": -0.1}}"#))),
            &["Dense: the deviation of the initial weights", "but is -0.1"],
        ),
        (Box::new(|v| insert(v, j(r#"{"dropout": {"rate": 1}}"#))), &["Between: the dropout rate", "but is 1"]),
        (Box::new(|v| insert(v, j(r#"{"noise": {"deviation": -0.1}}"#))), &["Between: the deviation", "but is -0.1"]),
        (
            Box::new(|v| {
                insert(v, j(r#"{"batch_norm": {"momentum": 0.1, "epsilon": 1e-5}}"#));
                v["training"]["batch_size"] = 1.into();
            }),
            &["Between: learns from mini-batches of 2 rows or more, but they have 1", "batch size to 2"],
        ),
        (
            Box::new(|v| v["network"]["layers"][2]["kind"]["output"]["loss"] = "kullback_leibler".into()),
            &["Output: KL divergence takes targets that are probabilities, at least 0 and together 1", "row 1"],
        ),
        (
            Box::new(|v| insert(v, j(r#"{"output": {"loss": "mean_squared_error"}}"#))),
            &["Dense: is fed by Between, where the network ends"],
        ),
        (
            Box::new(|v| {
                let layers = v["network"]["layers"].as_array_mut().expect("a list");
                layers
                    .push(j(r#"{"id": 4, "name": "Second end", "kind": {"output": {"loss": "mean_squared_error"}}}"#));
                v["network"]["wires"].as_array_mut().expect("a list").push(j(r#"{"from": 3, "to": 4}"#));
            }),
            &["Second end: is fed by Output, where the network ends; wire it to what feeds Output"],
        ),
        // The data
        (
            Box::new(|v| {
                v["data"]["preparation"]["split"] = j(r#"{"validation": -1, "test": 0, "seed": 1, "stratify": false}"#);
            }),
            &["data.preparation.split.validation", "between 0 and 1, but is -1"],
        ),
        (
            Box::new(|v| {
                v["data"]["preparation"]["split"] = j(r#"{"validation": 0, "test": 2, "seed": 1, "stratify": false}"#);
            }),
            &["data.preparation.split.test", "but is 2"],
        ),
        (
            Box::new(|v| step(v, j(r#"{"kind": {"clip": {"low": -1, "high": 2}}}"#))),
            &["data.preparation.steps[0].kind", "between 0 and 1"],
        ),
        (
            Box::new(|v| step(v, j(r#"{"kind": {"polynomial": {"degree": 4000000000}}}"#))),
            &["data.preparation.steps[0].kind", "between 2 and 9"],
        ),
        (
            Box::new(|v| step(v, j(r#"{"kind": "log", "columns": ["aa"]}"#))),
            &["steps[0].columns: there is no column \"aa\"", "Logarithm", "there are a, b, t1"],
        ),
        (
            Box::new(|v| v["data"]["preparation"]["columns"][2]["name"] = "a".into()),
            &["data.preparation.columns[2]: the column \"a\" is listed twice, as feature and as target"],
        ),
        (
            Box::new(|v| v["data"]["preparation"]["columns"][0]["name"] = "gone".into()),
            &["\"gone\" is no longer in the data"],
        ),
        (Box::new(|v| generator(v, "noise", j("-1"))), &["data.source.generator.noise", "but is -1"]),
        (Box::new(|v| generator(v, "samples", j("3"))), &["data.source.generator.samples", "but is 3"]),
        (
            Box::new(|v| generator(v, "shape", j(r#"{"blobs": {"classes": 1}}"#))),
            &["data.source.generator.shape", "classes", "but is 1"],
        ),
        (
            Box::new(|v| generator(v, "shape", j(r#"{"wave": {"length": 100000000}}"#))),
            &["data.source.generator.shape", "length"],
        ),
    ];
    let mut wrong = Vec::new();
    for (change, says) in &cases {
        let mut preset = good.clone();
        change(&mut preset);
        fs::write(path.join("bad.json"), preset.to_string()).expect("can be written");
        let output = run_to_end(path, &["train", "bad.json", "--epochs", "2"], Stdio::null());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() != Some(1) || !says.iter().all(|part| message.contains(part)) {
            wrong.push(format!("{says:?}, but it says: {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A cycle is told of its members, not of what stands behind it.
    let mut ring = good.clone();
    insert(&mut ring, j(r#"{"dropout": {"rate": 0.1}}"#));
    ring["network"]["wires"].as_array_mut().expect("a list").push(j(r#"{"from": 9, "to": 9}"#));
    fs::write(path.join("bad.json"), ring.to_string()).expect("can be written");
    let message = fails(path, &["train", "bad.json"]);
    assert!(
        message.contains("Between: is wired to itself") && !message.contains("Dense") && !message.contains("Output:"),
        "{message}"
    );
    // A byte-order mark is no error.
    fs::write(path.join("marked.json"), format!("\u{feff}{good}")).expect("can be written");
    succeeds(path, &["train", "marked.json", "--epochs", "2"]);
}

#[test]
fn targets_that_are_probabilities_are_taken_by_the_kullback_leibler_loss() {
    let folder = folder();
    let path = folder.path();
    let mut preset = two_numbers(path);
    let row = |i: u32| {
        let p = f64::from(i % 6) / 5.0;
        format!("{},{},{p},{}\n", p - 0.5, 0.5 - p, 1.0 - p)
    };
    let rows: String = (0..60).map(row).collect();
    fs::write(path.join("two.csv"), format!("a,b,t1,t2\n{rows}")).expect("can be written");
    let columns = preset["data"]["preparation"]["columns"].as_array_mut().expect("a list");
    columns.pop();
    for column in columns.iter_mut() {
        column["treatment"] = "as_is".into();
    }
    preset["network"]["layers"][2]["kind"]["output"]["loss"] = "kullback_leibler".into();
    fs::write(path.join("p.json"), preset.to_string()).expect("can be written");
    succeeds(path, &["train", "p.json", "--report", "r.json"]);
    let loss = json(&path.join("r.json"))["test"]["loss"].as_f64().expect("a number");
    assert!((-1e-6..0.1).contains(&loss), "{loss}");
    for (from, to, says) in [("0.2,0.8", "0.2,0.9", "are 0.2000, 0.9000;"), ("0.4,0.6", "-0.4,1.4", "1.400;")] {
        let text = fs::read_to_string(path.join("two.csv")).expect("was written");
        fs::write(path.join("bad.csv"), text.replacen(from, to, 1)).expect("can be written");
        preset["data"]["source"]["file"]["path"] = "bad.csv".into();
        fs::write(path.join("bad.json"), preset.to_string()).expect("can be written");
        let message = fails(path, &["train", "bad.json"]);
        assert!(message.contains("Output: KL divergence takes targets that are probabilities"), "{message}");
        assert!(message.contains(says), "{message}");
    }
}

/// A last mini-batch of one row is no reason to refuse batch norm, but it is told.
#[test]
fn a_last_mini_batch_of_one_row_is_told_where_there_is_batch_norm() {
    let folder = folder();
    let path = folder.path();
    let mut preset = two_numbers(path);
    let layers = preset["network"]["layers"].as_array_mut().expect("a list");
    layers
        .push(serde_json::json!({"id": 9, "name": "Norm", "kind": {"batch_norm": {"momentum": 0.1, "epsilon": 1e-5}}}));
    preset["network"]["wires"] = serde_json::json!([{"from": 1, "to": 9}, {"from": 9, "to": 2}, {"from": 2, "to": 3}]);
    preset["data"]["preparation"]["split"] =
        serde_json::json!({"validation": 0.0, "test": 0.0, "seed": 1, "stratify": false});
    for (batch, told) in [(59, true), (12, false)] {
        preset["training"]["batch_size"] = batch.into();
        fs::write(path.join("p.json"), preset.to_string()).expect("can be written");
        let output = chainrule(path, &["train", "p.json", "--epochs", "3"]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{message}");
        let says = "note: The last mini-batch of an epoch has 1 row: Norm uses its running averages there";
        assert_eq!(message.contains(says), told, "{batch}: {message}");
    }
}

/// The largest network is read and checked at once, whatever the order of its layers, and a larger one is refused.
#[test]
fn networks_of_very_many_layers_are_read_at_once_or_refused() {
    let folder = folder();
    let path = folder.path();
    let mut preset = two_numbers(path);
    preset["network"]["layers"][2]["kind"]["output"]["target"] = serde_json::json!({"columns": ["t1", "t2"]});
    for (count, says) in [(4096_u32, None), (4097, Some("more than the limit of")), (1_000_000, Some("network.layers"))]
    {
        let between = (4..=count)
            .rev()
            .map(|id| serde_json::json!({"id": id, "name": "d", "kind": {"activation": {"function": "identity"}}}));
        let ends = preset["network"]["layers"].as_array().expect("a list").iter().take(3).rev().cloned();
        let wires = (4..count).map(|id| serde_json::json!({"from": id, "to": id + 1}));
        let mut large = preset.clone();
        large["network"]["layers"] = between.chain(ends).collect();
        let first = serde_json::json!([{"from": 1, "to": 4}, {"from": count, "to": 2}, {"from": 2, "to": 3}]);
        large["network"]["wires"] = wires.chain(first.as_array().expect("a list").iter().cloned()).collect();
        fs::write(path.join("large.json"), large.to_string()).expect("can be written");
        let begun = Instant::now();
        let output = run_to_end(path, &["train", "large.json", "--epochs", "1"], Stdio::null());
        assert!(begun.elapsed() < Duration::from_secs(20), "{count} layers: {:?}", begun.elapsed());
        let message = String::from_utf8_lossy(&output.stderr);
        match says {
            None => assert!(output.status.success(), "{message}"),
            Some(says) => assert!(message.contains(says), "{message}"),
        }
    }
}

#[test]
fn bad_presets_are_refused_with_the_place_and_the_fix() {
    let folder = folder();
    let path = folder.path();
    succeeds(path, &["train", "iris", "--epochs", "2", "--save", "good.json"]);
    let good = fs::read_to_string(path.join("good.json")).expect("was written");
    let edit = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&good).expect("is JSON");
        change(&mut value);
        value.to_string()
    };
    let dense = |value: &mut Value, units: u64| value["network"]["layers"][1]["kind"]["dense"]["units"] = units.into();
    let cases: Vec<(String, &[&str])> = vec![
        (good[..good.len() / 2].to_owned(), &["not a preset", "line", "cut off"]),
        (String::new(), &["not a preset", "line"]),
        ("[1, 2]".to_owned(), &["not a Chainrule preset"]),
        (edit(&|v| v["version"] = 99.into()), &["version 99", "newer Chainrule"]),
        (edit(&|v| v["colour"] = "red".into()), &["unknown field `colour`"]),
        (
            edit(&|v| v["network"]["layers"][1]["kind"] = serde_json::json!({"quantum": {}})),
            &["network.layers[1].kind", "unknown variant `quantum`"],
        ),
        (
            edit(&|v| v["network"]["layers"][1]["kind"]["dense"]["unit"] = 3.into()),
            &["network.layers[1].kind", "unknown field `unit`"],
        ),
        (
            edit(&|v| v["network"]["layers"][2]["id"] = v["network"]["layers"][1]["id"].clone()),
            &["layers[2].id", "twice"],
        ),
        (edit(&|v| v["network"]["wires"][0]["to"] = 99.into()), &["wires[0].to", "no layer 99"]),
        (edit(&|v| v["training"]["learning_rate"] = (-1).into()), &["training", "learning rate", "-1"]),
        (edit(&|v| dense(v, 7)), &["saved run does not fit", "weight"]),
        (edit(&|v| dense(v, 1_000_000_000)), &["Hidden", "GiB", "fewer units"]),
        (edit(&|v| dense(v, u64::MAX)), &["PiB"]),
        (
            edit(&|v| v["run"]["parameters"][0]["values"] = serde_json::json!([1.0])),
            &["saved run does not fit", "1 values"],
        ),
        (
            edit(&|v| {
                let last = v["network"]["layers"].as_array().map_or(0, Vec::len) - 2;
                v["network"]["layers"][last]["kind"]["dense"]["units"] = 2.into();
            }),
            &["3 classes", "2 values"],
        ),
        (edit(&|v| v["data"]["source"] = serde_json::json!({"file": {"path": "gone.csv"}})), &["gone.csv", "no file"]),
        (edit(&|v| v["data"]["source"] = serde_json::json!({"builtin": {"name": "roses"}})), &["roses", "iris"]),
    ];
    for (text, says) in cases {
        fs::write(path.join("bad.json"), &text).expect("can be written");
        let message = fails(path, &["train", "bad.json"]);
        for part in says {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
    }
    assert!(fails(path, &["train", "none.json"]).contains("no such file"));
    assert!(fails(path, &["train", "nonsense"]).contains("circle"));
    fs::create_dir(path.join("folder.json")).expect("can be made");
    assert!(fails(path, &["train", "folder.json"]).contains("folder"));
    assert!(fails(path, &["predict", "iris", "--data", "x.csv", "--out", "o.csv"]).contains("no trained run"));
}

#[test]
fn names_and_words_with_commas_can_be_given() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("commas.csv"), "\"a, b\",c\n1,\"no, unknown\"\n2,NA\n3,x\n").expect("can be written");
    let words = ["--missing", "NA,\"no, unknown\"", "--column", "a, b=text"];
    let report: Value =
        serde_json::from_str(&succeeds(path, &[&["inspect", "commas.csv", "--json"][..], &words].concat()))
            .expect("is JSON");
    assert_eq!((&report["columns"][0]["name"], &report["columns"][0]["type"]), (&"a, b".into(), &"text".into()));
    assert_eq!(report["columns"][1]["missing"], 2);
    assert_eq!(report["detected"]["options"]["missing"], serde_json::json!(["NA", "no, unknown"]));
}

#[test]
fn bad_tables_are_refused_with_the_place_and_the_fix() {
    let folder = folder();
    let path = folder.path();
    let rows = |f: &dyn Fn(usize) -> String| (0..1000).map(f).collect::<String>();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty.csv", vec![], "is empty"),
        ("header.csv", b"a,b\n".to_vec(), "header but no rows"),
        ("ragged.csv", b"a,b\n1,2\n3,4,5\n".to_vec(), "row 3"),
        ("short.npy", b"\x93NUMPY\x01\x00\x08\x00garbage\n".to_vec(), "header cannot be read"),
        ("huge.csv", format!("a,b\n1,\"{}\"\n", "x".repeat(2 << 20)).into_bytes(), "longer than"),
        ("one.csv", format!("a,c\n{}", rows(&|i| format!("{i},same\n"))).into_bytes(), "only one class"),
        (
            "many.csv",
            format!("a,c\n{}", (0..20_004).map(|i| format!("{i},c{}\n", i / 2)).collect::<String>()).into_bytes(),
            "more classes than the limit of 10000",
        ),
        ("inf.csv", b"a,c\n1,x\ninf,y\n3,x\n4,y\n5,x\n6,y\n".to_vec(), "infinite"),
    ];
    for (name, bytes, says) in cases {
        fs::write(path.join(name), bytes).expect("can be written");
        let message = fails(path, &["train", "circle", "--data", name]);
        assert!(message.contains(says), "{name}: {message}");
    }
    fs::write(path.join("missing.csv"), "a,b,c\n,1,x\n,2,y\n,3,x\n,4,y\n").expect("can be written");
    let described: Value =
        serde_json::from_str(&succeeds(path, &["inspect", "missing.csv", "--json"])).expect("is JSON");
    assert_eq!((&described["columns"][0]["missing"], &described["columns"][0]["role"]), (&4.into(), &"ignore".into()));
    assert!(fails(path, &["inspect", "none.csv"]).contains("no file"));
    assert!(fails(path, &["inspect", "."]).contains("no pictures"));
}

#[test]
fn a_loss_that_explodes_ends_with_the_layer_and_a_way_out() {
    let folder = folder();
    let path = folder.path();
    succeeds(path, &["train", "diabetes", "--epochs", "1", "--save", "d.json"]);
    let mut preset = json(&path.join("d.json"));
    preset["training"]["learning_rate"] = 1e20.into();
    preset["training"]["optimizer"] = serde_json::json!({"sgd": {}});
    preset.as_object_mut().expect("an object").remove("run");
    fs::write(path.join("d.json"), preset.to_string()).expect("can be written");
    let message = fails(path, &["train", "d.json", "--epochs", "50", "--report", "r.json"]);
    assert!(message.contains("exploded first") && message.contains("smaller learning rate"), "{message}");
    assert_eq!(json(&path.join("r.json"))["stopped"], "diverged");
}

/// A disk that takes no more, and a folder that may not be written: the old file stays, and nothing is left beside it.
#[cfg(unix)]
#[test]
fn a_save_that_fails_leaves_the_old_file() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;

    let folder = folder();
    let path = folder.path();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("is ours");
    let program = path.join("program");
    fs::copy(env!("CARGO_BIN_EXE_chainrule"), &program).expect("can be copied");
    succeeds(path, &["train", "xor", "--epochs", "1", "--save", "old.json"]);
    let old = fs::read(path.join("old.json")).expect("was written");
    let names = || fs::read_dir(path).expect("can be read").count();
    let before = names();

    // No file may grow beyond one block: writing stops in the middle, as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 1; exec ./program train digits --epochs 1 --save old.json";
    let output = Command::new("sh").args(["-c", script]).current_dir(path).output().expect("there is a shell");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && message.contains("old.json cannot be saved"), "{message}");
    assert_eq!((fs::read(path.join("old.json")).expect("is there"), names()), (old.clone(), before));

    fs::set_permissions(path, fs::Permissions::from_mode(0o555)).expect("is ours");
    let mut command = Command::new(&program);
    command.args(["train", "xor", "--epochs", "1", "--save", "old.json"]).current_dir(path);
    if fs::metadata(path).expect("is there").uid() == 0 {
        // The administrator may write everywhere; nobody may not.
        command.uid(65_534);
    }
    let output = command.output().expect("the program starts");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && message.contains("permission denied"), "{message}");
    assert_eq!((fs::read(path.join("old.json")).expect("is there"), names()), (old, before));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("is ours");
}

#[test]
fn every_output_is_reported_and_predicted() {
    let folder = folder();
    let path = folder.path();
    succeeds(path, &["train", "two-outputs", "--epochs", "20", "--report", "report.json", "--save", "two.json"]);
    let outputs = &json(&path.join("report.json"))["outputs"];
    assert!(outputs["Class output"]["accuracy"].as_f64().expect("a number") > 0.8, "{outputs}");
    assert!(outputs["Picture output"]["r2"].as_f64().expect("a number") > 0.2, "{outputs}");
    let digits = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/data/digits.csv");
    succeeds(path, &["predict", "two.json", "--data", digits, "--out", "out.csv"]);
    let mut table = csv::Reader::from_path(path.join("out.csv")).expect("was written");
    let header = table.headers().expect("has one").clone();
    assert_eq!((header.get(1), header.get(12), header.len()), (Some("digit"), Some("pixel 0.0"), 1 + 11 + 64));
    let rows: Vec<csv::StringRecord> = table.records().map(|r| r.expect("is a row")).collect();
    assert_eq!(rows.len(), 1797);
    let sane = |v: &str| v.parse::<f64>().is_ok_and(|v| (-40.0..60.0).contains(&v));
    assert!(rows.iter().all(|r| r.iter().skip(12).all(sane)));
}

#[test]
fn folds_and_learning_rates_are_tried_without_a_window() {
    let folder = folder();
    let path = folder.path();
    let args = ["cross-validate", "iris", "--folds", "4", "--epochs", "40", "--report", "folds.json"];
    let out = succeeds(path, &args);
    assert!(out.contains("fold 4:") && out.contains("accuracy: 0.9"), "{out}");
    let report = json(&path.join("folds.json"));
    assert_eq!(report["folds"].as_array().expect("a list").len(), 4);
    let rows = |f: &serde_json::Value| f["rows"].as_u64().expect("a number");
    assert_eq!(
        report["folds"].as_array().expect("a list").iter().map(rows).sum::<u64>(),
        127,
        "the test rows stay apart"
    );
    succeeds(path, &args);
    assert_eq!(json(&path.join("folds.json")), report, "the same again");

    succeeds(path, &["find-rate", "digits", "--report", "rates.json"]);
    let report = json(&path.join("rates.json"));
    let suggested = report["suggested"].as_f64().expect("a number");
    assert!((1e-4..0.1).contains(&suggested), "{suggested}");
    assert_eq!(report["starts"].as_array().expect("a list").len(), 3);
    assert!(report["choice"]["lowest"].as_f64().expect("a number") >= 9.99 * suggested, "{}", report["choice"]);
    let out = succeeds(path, &["find-rate", "digits", "--threads", "2", "--report", "again.json"]);
    assert!(
        out.contains("chosen learning rate: 0.0") && out.contains("a tenth of the one where it is lowest"),
        "{out}"
    );
    assert_eq!(json(&path.join("again.json")), report, "the same with other threads");
    let out = succeeds(path, &["find-rate", "vanishing-gradients", "--report", "flat.json"]);
    assert!(out.contains("The loss is flat") && out.contains("keep the present learning rate of 0.1"), "{out}");
    let flat = json(&path.join("flat.json"));
    assert!(flat["suggested"].is_null() && flat["reason"].as_str().expect("a text").contains("800 updates"), "{flat}");
    let out = fails(path, &["find-rate", "iris", "--low", "1", "--high", "0.1"]);
    assert!(out.contains("must rise"), "{out}");
    let out = fails(path, &["cross-validate", "iris", "--folds", "1"]);
    assert!(out.contains("cannot be dealt into 1 fold."), "{out}");
}

#[test]
fn one_step_is_printed_with_every_number() {
    let folder = folder();
    let text = succeeds(folder.path(), &["trace", "circle", "--row", "3", "--row", "8", "--json"]);
    let trace: Value = serde_json::from_str(&text).expect("is JSON");
    let layers = trace["layers"].as_array().expect("has layers");
    assert_eq!(layers.len(), 5);
    assert_eq!(trace["rows"], serde_json::json!([2, 7]));
    // Kinds have the names that presets give them.
    let kinds: Vec<&str> = layers.iter().filter_map(|l| l["kind"].as_str()).collect();
    assert_eq!(kinds, ["input", "dense", "dense", "dense", "output"]);
    let hidden = &layers[1];
    let numbers = |v: &Value| v.as_array().expect("is nested by sample").len();
    assert_eq!((numbers(&hidden["z"]), numbers(&hidden["a"][0])), (2, 6));
    let at = |name: &str| hidden["params"]["weight"][name][1][4].as_f64().expect("is a number");
    // ∂L/∂w of the second input and the fifth unit, over both rows.
    let product = |row: usize| {
        hidden["grad_z"][row][4].as_f64().expect("is a number") * hidden["input"][row][1].as_f64().expect("is a number")
    };
    assert!((product(0) + product(1) - at("grad")).abs() < 1e-6);
    assert!(at("after") != at("before"));
    // In double precision nearly the same; the summary names every layer; a row that does not exist is told.
    let double = succeeds(folder.path(), &["trace", "circle", "--row", "3", "--row", "8", "--json", "--double"]);
    let double: Value = serde_json::from_str(&double).expect("is JSON");
    let loss = |v: &Value| v["loss"].as_f64().expect("is a number");
    assert!((loss(&double) - loss(&trace)).abs() < 1e-6);
    let summary = succeeds(folder.path(), &["trace", "lenet"]);
    assert!(summary.contains("Conv 1") && summary.contains("after the update"), "{summary}");
    // The weight with the largest gradient goes by the indices of its tensor, which the JSON names, and zero is 0.
    let summary = succeeds(folder.path(), &["trace", "lenet", "--row", "1"]);
    assert!(summary.contains("largest gradient: ") && summary.contains(" at Flatten unit "), "{summary}");
    let lenet: Value =
        serde_json::from_str(&succeeds(folder.path(), &["trace", "lenet", "--row", "1", "--json"])).expect("is JSON");
    let conv =
        lenet["layers"].as_array().expect("has layers").iter().find(|l| l["name"] == "Conv 1").expect("is there");
    assert_eq!(conv["params"]["weight"]["axes"], serde_json::json!(["filter", "channel", "row", "column"]));
    succeeds(folder.path(), &["train", "dead-relus", "--epochs", "40", "--save", "dead.json"]);
    let summary = succeeds(folder.path(), &["trace", "dead.json"]);
    assert!(!summary.contains("0.0000e0") && summary.contains("Hidden 2            "), "{summary}");
    let error = fails(folder.path(), &["trace", "circle", "--row", "401"]);
    assert!(error.contains("there is no row 401: the data have rows 1 to 400"), "{error}");
}

#[test]
fn no_command_writes_over_a_file_that_it_reads() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    let rows: String = (0..40).map(|k| format!("{},{}\n", k, ["a", "b"][k % 2])).collect();
    fs::write(at.join("t.csv"), format!("x,class\n{rows}")).expect("can be written");
    succeeds(at, &["train", "--data", "t.csv", "--epochs", "1", "--save", "p.json"]);
    let (table, preset) =
        (fs::read(at.join("t.csv")).expect("is there"), fs::read(at.join("p.json")).expect("is there"));
    for (arguments, says) in [
        (&["predict", "p.json", "--data", "t.csv", "--out", "t.csv"][..], "--out would write over the rows to predict"),
        (&["predict", "p.json", "--data", "t.csv", "--out", "./p.json"], "--out would write over the preset"),
        (&["train", "--data", "t.csv", "--save", "t.csv"], "--save would write over the data"),
        (&["train", "--data", "t.csv", "--report", "t.csv"], "--report would write over the data"),
        (&["train", "p.json", "--report", "p.json"], "--report would write over the preset"),
        (&["train", "p.json", "--report", "t.csv"], "--report would write over the data"),
        (&["train", "p.json", "--save", "x.json", "--report", "x.json"], "--save would write over --report"),
        (&["suggest", "t.csv", "--save", "t.csv"], "--save would write over the data"),
        (&["cross-validate", "p.json", "--report", "p.json"], "--report would write over the preset"),
        (&["find-rate", "p.json", "--report", "t.csv"], "--report would write over the data"),
        (&["trace", "p.json", "--out", "p.json"], "--out would write over the preset"),
    ] {
        let told = fails(at, arguments);
        assert!(told.contains(says), "{arguments:?}: {told}");
    }
    assert_eq!(
        (fs::read(at.join("t.csv")).expect("is there"), fs::read(at.join("p.json")).expect("is there")),
        (table, preset)
    );
    // A run goes on in its own preset.
    succeeds(at, &["train", "p.json", "--epochs", "2", "--save", "p.json"]);
    assert!(fails(at, &["bench", "W1", "--seconds", "nan"]).contains("--seconds"));
}
