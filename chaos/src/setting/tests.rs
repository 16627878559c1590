use super::*;
use proptest::prelude::*;
use serde_json::json;

fn key(text: &str) -> KeyPath {
    text.parse().unwrap()
}

fn scalar(value: Value) -> Scalar {
    serde_json::from_value(value).unwrap()
}

const YAML: &str = "# flags of the shop\nfeatures:   # all\n  newCheckout: true   # since March\n  'old one': \"on\"\n  names: [a, 'b', {deep: 1.5}]\n\n  größe: groß\nown: &own {}\nother: *own\ntext: |\n  newCheckout: true\n";
const JSON: &str = "{\n\t\"features\": {\"newCheckout\" : true, \"old one\":\"on\",\n\"names\":[\"a\",{\"deep\":1.5}]},\n \"größe\":\"groß\"}\n";
const TOML: &str = "# flags\ntitle = 'shop'\n[features]   # all\nnewCheckout = true # since March\n\"old one\" = \"on\"\nnames = [\"a\", {deep = 1.5}]\n\"größe\" = \"groß\"\n[[servers]]\non = false\n[[servers]]\non = true\n";
const ENV: &str =
    "# flags\nexport NEW_CHECKOUT=true   # since March\nQUOTED=\"a b\"\nSINGLE='x'\nEMPTY=\nURL=http://a/?b=c#d\n";

#[test]
fn only_the_value_changes() {
    let cases = [
        (Format::Yaml, YAML, "features.newCheckout", json!(false), "newCheckout: true   #", "newCheckout: false   #"),
        (Format::Yaml, YAML, "features.\"old one\"", json!("off"), "\"on\"", "\"off\""),
        (Format::Yaml, YAML, "features.names[1]", json!("c d"), "'b'", "\"c d\""),
        (Format::Yaml, YAML, "features.names[2].deep", json!(-2), "1.5", "-2"),
        (Format::Yaml, YAML, "features.größe", json!("klein"), " groß", " \"klein\""),
        (Format::Json, JSON, "features.newCheckout", json!(false), ": true", ": false"),
        (Format::Json, JSON, "features.names[1].deep", json!(7), "1.5", "7"),
        (Format::Json, JSON, "größe", json!("q\"\n"), "\"groß\"", "\"q\\\"\\n\""),
        (Format::Toml, TOML, "features.newCheckout", json!(false), "= true #", "= false #"),
        (Format::Toml, TOML, "features.names[1].deep", json!(2.5), "1.5", "2.5"),
        (Format::Toml, TOML, "title", json!("bank"), "'shop'", "\"bank\""),
        (Format::Toml, TOML, "servers[0].on", json!(true), "on = false", "on = true"),
        (Format::Env, ENV, "NEW_CHECKOUT", json!(false), "=true ", "=false "),
        (Format::Env, ENV, "QUOTED", json!("c d"), "a b", "c d"),
        (Format::Env, ENV, "EMPTY", json!(7), "EMPTY=", "EMPTY=7"),
        (Format::Env, ENV, "URL", json!("http://b/"), "http://a/?b=c#d", "http://b/"),
    ];
    for (format, text, at, value, old, new) in cases {
        let (at, value) = (key(at), scalar(value));
        let changed = format.with(text, &at, &value);
        assert_eq!(changed.as_deref(), Ok(text.replacen(old, new, 1).as_str()), "{format} {at}");
        assert!(format.has(&changed.unwrap(), &at, &value) && !format.has(text, &at, &value));
    }
}

#[test]
fn what_cannot_be_changed_alone_is_refused_and_says_no_value() {
    let refused = |format: Format, text: &str, at: &str, value: Value| {
        format.with(text, &key(at), &scalar(value)).unwrap_err().to_string()
    };
    for (format, text) in [(Format::Yaml, YAML), (Format::Json, JSON), (Format::Toml, TOML)] {
        assert_eq!(
            refused(format, text, "features", json!(1)),
            "`features` is a mapping, and only a single value can be replaced"
        );
        assert!(refused(format, text, "features.names", json!(1)).contains("a list"));
        assert!(refused(format, text, "features.newCheckout", json!(true)).ends_with("has this value already"));
        let missing = refused(format, text, "features.newCheckuot", json!(1));
        assert!(missing.contains("beside it there are: ") && missing.contains("old one"), "{missing}");
        assert!(refused(format, text, "features.names[9]", json!(1)).contains("[0] to ["));
    }
    assert!(refused(Format::Yaml, YAML, "text", json!("x")).contains("by itself"));
    assert!(refused(Format::Yaml, YAML, "other", json!("x")).contains("single value"));
    assert!(refused(Format::Yaml, "a: !!str 1\n", "a", json!(2)).contains("by itself"));
    assert!(refused(Format::Yaml, "a:\nb: 1\n", "a", json!(2)).contains("by itself"));
    assert!(refused(Format::Yaml, "a: 1\n---\na: 2\n", "a", json!(3)).contains("several documents"));
    assert!(refused(Format::Yaml, "a: 1\na: 2\n", "a", json!(3)).contains("given twice"));
    assert!(refused(Format::Yaml, &"[".repeat(200), "a", json!(3)).contains("not readable as YAML"));
    assert!(refused(Format::Json, "{\"a\": 1, // no\n}", "a", json!(3)).contains("not readable as JSON: "));
    let toml = refused(Format::Toml, "a = 1\nb = hunter2 2\n", "a", json!(3));
    assert!(toml.starts_with("not readable as TOML: line 2: ") && !toml.contains("hunter2"), "{toml}");
    assert!(refused(Format::Env, ENV, "NEW_CHECKOUT", json!("two words")).contains("differ"));
    assert!(refused(Format::Env, ENV, "QUOTED", json!("a\"b")).contains("differ"));
    assert!(refused(Format::Env, ENV, "MISSING", json!(1)).contains("NEW_CHECKOUT"));
    assert!(refused(Format::Json, &" ".repeat(MAX_TEXT + 1), "a", json!(1)).contains("at most"));
}

#[test]
fn lines_that_readers_differ_about_are_refused_by_number_and_without_their_text() {
    let refused = |text: &str| Format::Env.with(text, &key("OTHER"), &scalar(json!("x"))).unwrap_err().to_string();
    let cases = [
        ("A=\"say \\\"hunter2\\\"\"", "a backslash between quotes"),
        ("A='hunter2\\'", "a backslash between quotes"),
        ("A='hunter'\\''2'", "something follows the closing quote"),
        ("A=\"hunter\"2", "something follows the closing quote"),
        ("A=\"hunter2\nOTHER=inner\n\"", "a quote is not closed"),
        ("A=hunter'2 \n'", "a quote within a value"),
        ("A=hunter\\\n2", "a backslash before"),
        ("A=hunter\\ #2", "a backslash before"),
        ("hunter2", "is no KEY=VALUE"),
        ("Hunter2HUNTER2=", "is no KEY=VALUE"),
        ("HUNTER2HUNTER2==", "is no KEY=VALUE"),
        ("hunter/2=x", "is no KEY=VALUE"),
        ("A=1 # hunter2\nOTHER=hunter2", "key `OTHER` is given twice"),
    ];
    for (lines, why) in cases {
        let said = refused(&format!("OTHER=1\n# x\n{lines}\n"));
        let line = if why.contains("twice") { 4 } else { 3 };
        assert!(said.contains(&format!("line {line}: {why}")), "{lines}: {said}");
        assert!(!said.to_lowercase().contains("hunter"), "{said}");
    }
}

#[test]
fn a_comment_in_lines_stays_a_comment() {
    let cases = [
        ("A=1\t# it's\n", "A=2\t# it's\n"),
        ("A=a#b # c\r\n", "A=2 # c\r\n"),
        ("A= # none\n", "A=2 # none\n"),
        ("A=\"1 # 1\"# c\n", "A=\"2\"# c\n"),
        ("export\tA = '1'\t\n", "export\tA = '2'\t\n"),
        ("A={\"b\": \"it is\"}  ", "A=2  "),
    ];
    for (old, new) in cases {
        assert_eq!(Format::Env.with(old, &key("A"), &scalar(json!(2))).as_deref(), Ok(new), "{old}");
    }
    // Not `A=2#none`, whose comment would be part of the value.
    let entangled = Err(SettingError::Entangled { key: "A".into() });
    assert_eq!(Format::Env.with("A=#none\n", &key("A"), &scalar(json!(2))), entangled);
}

#[test]
fn a_value_that_something_else_refers_to_is_entangled() {
    let with = |text: &str, at: &str| Format::Yaml.with(text, &key(at), &scalar(json!(2)));
    let entangled = |at: &str| Err(SettingError::Entangled { key: at.into() });
    assert_eq!(with("a: &x 1\nb: *x\n", "a"), entangled("a"));
    assert_eq!(with("a: &x {b: [1]}\nc:\n  <<: *x\n", "a.b[0]"), entangled("a.b[0]"));
    assert_eq!(with("a: &x 1\nb: 3\n", "a").as_deref(), Ok("a: &x 2\nb: 3\n"));
    assert!(with("a: &x # one\n  1\n", "a").unwrap_err().to_string().contains("by itself"));
    assert_eq!(with("a: &x 1\nb: [*x]\nc: &y 1\n", "c").as_deref(), Ok("a: &x 1\nb: [*x]\nc: &y 2\n"));
}

#[test]
fn an_object_with_a_key_twice_is_refused() {
    let text = "{\"a\": 1,\n\"b\": {\"c\": \"hunter2\", \"c\": 2}}";
    let said = Format::Json.with(text, &key("b.c"), &scalar(json!(3))).unwrap_err().to_string();
    assert!(
        said.starts_with("not readable as JSON: key `c` is given twice at line 2") && !said.contains("hunter"),
        "{said}"
    );
}

#[test]
fn the_name_of_a_file_tells_its_format() {
    let of = |name: &str| Format::of(Path::new(name));
    assert_eq!(
        [of("a/b.YML"), of("x.json"), of("x.toml")],
        [Some(Format::Yaml), Some(Format::Json), Some(Format::Toml)]
    );
    assert_eq!([of(".env"), of(".env.local"), of("shop.env")], [Some(Format::Env); 3]);
    assert_eq!([of("x.conf"), of("x"), of("envelope")], [None; 3]);
}

/// Values that a settings file may hold.
fn value() -> impl Strategy<Value = Value> {
    let single = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[ -~äß\n\t\"'#:]{0,12}".prop_map(Value::from)
    ];
    single.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z ü.]{1,6}", inner, 1..4)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        ]
    })
}

/// The ways to all single values, as they are written.
fn ways(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, below)| ways(below, &format!("{at}.\"{name}\""), all)),
        Value::Array(list) => list.iter().enumerate().for_each(|(n, below)| ways(below, &format!("{at}[{n}]"), all)),
        _ => all.push(at.trim_start_matches('.').to_owned()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// JSON is YAML as well: one text, two finders.
    #[test]
    fn every_value_of_any_text_is_replaced_or_refused(
        whole in prop::collection::btree_map("[a-z]{1,4}", value(), 1..4),
        new in "[ -~äß]{1,9}",
        pretty in any::<bool>(),
    ) {
        let whole = Value::Object(whole.into_iter().collect());
        let text = if pretty { serde_json::to_string_pretty(&whole) } else { serde_json::to_string(&whole) }.unwrap();
        let mut all = Vec::new();
        ways(&whole, "", &mut all);
        for way in all {
            let (at, new) = (key(&way), Scalar::Text(new.clone()));
            let replaced = Format::Json.with(&text, &at, &new);
            if key(&way).of(&whole) == Some(&new.value()) {
                let said_so = matches!(replaced, Err(SettingError::Already { .. }));
                prop_assert!(said_so);
                continue;
            }
            let replaced = replaced.unwrap();
            prop_assert!(Format::Json.has(&replaced, &at, &new));
            if let Ok(by_the_other) = Format::Yaml.with(&text, &at, &new) {
                prop_assert_eq!(&by_the_other, &replaced);
            }
        }
    }
}
