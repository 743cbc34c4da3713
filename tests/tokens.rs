//! Text as tokens: the same vocabularies and numbers as Hugging Face's `tokenizers`, and what a network makes of them.

use chainrule::data::{
    Column, DataSource, EncodingKind, Part, Preparation, Role, Table, TextEnd, TokenPlan, TokenUnit, Tokens, Treatment,
    prepare,
};
use chainrule::project::{Suggestion, builtin};
use chainrule::train::{Metrics, Session};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
struct Fixture {
    training: usize,
    others: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    unit: TokenUnit,
    vocabulary: usize,
    least: usize,
    lowercase: bool,
    tokens: Vec<String>,
    ids: Vec<Vec<u32>>,
}

fn messages() -> Table {
    let source = DataSource::Builtin { name: "messages".to_owned() };
    Arc::unwrap_or_clone(source.load().expect("is bundled").table.into())
}

#[test]
fn vocabularies_and_numbers_are_those_of_the_tokenizers_package() {
    let fixture: Fixture = serde_json::from_str(include_str!("fixtures/tokens.json")).expect("is a fixture");
    let table = messages();
    let texts: Vec<String> = (0..fixture.training).map(|row| table.columns[0].cell(row)).collect();
    for case in fixture.cases {
        let Case { unit, vocabulary, least, lowercase, .. } = case;
        let plan = TokenPlan { unit, vocabulary, least, lowercase, ..TokenPlan::DEFAULT };
        let all = || texts.iter().map(|t| (t.as_str(), 1));
        let tokens = Tokens::learn(&plan, all(), all());
        assert_eq!(tokens.vocabulary, case.tokens, "{unit:?} {vocabulary}");
        let (tokeniser, mut ids) = (tokens.tokeniser(), Vec::new());
        for (text, wanted) in fixture.others.iter().zip(case.ids) {
            tokeniser.read(text, &mut ids);
            assert_eq!(ids, wanted, "{unit:?} {vocabulary}: {text:?}");
        }
    }
}

fn small(plan: TokenPlan) -> (Table, Preparation) {
    let texts = ["a b c d e", "a b", "", "b a", "c d e a"];
    let cells = (0..40).map(|i| Some(texts[i % 5]).filter(|t| !t.is_empty()));
    let class = (0..40).map(|i| Some(if i % 5 == 0 { "long" } else { "short" }));
    let table = Table { name: "t".into(), columns: vec![Column::text("said", cells), Column::text("class", class)] };
    let mut preparation = Preparation::for_targets(&table, &["class".to_owned()]);
    (preparation.columns[0].role, preparation.columns[0].treatment) = (Role::Feature, Treatment::Tokens(plan));
    (table, preparation)
}

#[test]
fn texts_are_padded_and_truncated_at_either_end() {
    let row = |padding, truncation, row: usize| {
        let (table, preparation) = small(TokenPlan { length: Some(3), padding, truncation, ..TokenPlan::DEFAULT });
        let data = prepare(&table, &preparation).expect("fits");
        assert_eq!((data.rows(), data.features()), (40, 3), "a missing text is all padding");
        let EncodingKind::Tokens(tokens) = &data.encoder.features[0].kind else { panic!("tokens") };
        data.x.row(row).iter().map(|&n| tokens.name(n).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(row(TextEnd::Start, TextEnd::End, 0), ["a", "b", "c"]);
    assert_eq!(row(TextEnd::Start, TextEnd::Start, 0), ["c", "d", "e"]);
    assert_eq!(row(TextEnd::Start, TextEnd::End, 1), ["", "a", "b"]);
    assert_eq!(row(TextEnd::End, TextEnd::End, 1), ["a", "b", ""]);
    assert_eq!(row(TextEnd::End, TextEnd::End, 2), ["", "", ""]);
    let (table, preparation) = small(TokenPlan { length: Some(3), ..TokenPlan::DEFAULT });
    let data = prepare(&table, &preparation).expect("fits");
    assert!(data.told[0].starts_with("said: 5 words in the vocabulary, 3 tokens a sample. 16 of 40 texts truncated at 3; the longest has 5 tokens."), "{}", data.told[0]);
    let none = Treatment::Tokens(TokenPlan { vocabulary: 0, ..TokenPlan::DEFAULT });
    let mut wrong = preparation;
    wrong.columns[0].treatment = none;
    let error = prepare(&table, &wrong).expect_err("no vocabulary").to_string();
    assert!(error.contains("a vocabulary has 2 to"), "{error}");
}

#[test]
fn a_table_of_sentences_is_read_as_tokens_and_the_suggested_network_learns_their_topics() {
    let table = messages();
    let preparation = Preparation::guess(&table);
    assert_eq!(preparation.columns[0].treatment, Treatment::Tokens(TokenPlan::DEFAULT));
    let data = Arc::new(prepare(&table, &preparation).expect("fits"));
    assert!(data.told[0].contains("tokens of the validation rows"), "{}", data.told[0]);
    let Suggestion { form, network, training } = Suggestion::of(&data);
    assert!(form.network().starts_with("An embedding"));
    assert!(accuracy(Session::new(&network, data, training.clone(), 1).expect("fits"), training.epochs) >= 0.95);
}

#[test]
fn the_preset_of_messages_is_right_on_at_least_95_percent_of_the_test_rows() {
    let document = builtin("messages").expect("is built in").preset().expect("is read").document;
    let (_, data) = document.data.load().expect("is bundled");
    let epochs = document.training.epochs;
    let session = Session::new(&document.network, Arc::new(data), document.training, 1).expect("fits");
    assert!(accuracy(session, epochs) >= 0.95);
}

fn accuracy(mut session: Session, epochs: Option<u64>) -> f64 {
    for _ in 0..epochs.expect("is limited") {
        if session.has_stopped_early() {
            break;
        }
        session.epoch().expect("the loss is finite");
    }
    let metrics = session.evaluate_fully(Part::Test).expect("there are test rows").remove(0).evaluation.metrics;
    let Metrics::Classes { accuracy, .. } = metrics else { panic!("classes") };
    eprintln!("{accuracy} on test rows after {} epochs", session.epochs());
    accuracy
}
