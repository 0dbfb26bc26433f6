//! Makes a function in C for each function of the header: it picks arguments by their types and names, makes the
//! call, and settles what came out.
//!
//! A parameter whose type or meaning is not known here fails the test: a new one is taught to the fuzzer together
//! with the header.

use std::fmt::Write;

use crate::header::{Function, Header, Parameter};

/// How often a function is chosen; others have [`WEIGHT`] or [`WEIGHT_FREE`]. Seldom what ends that which others work
/// on; often what makes it.
const WEIGHTS: [(&str, u32); 61] = [
    ("hsm_store_close", 3),
    ("hsm_tier_lose", 1),
    ("hsm_tier_drain", 4),
    ("hsm_tier_set_state", 4),
    ("hsm_tier_settings_set_backend", 4),
    ("hsm_store_options_set_read_only", 5),
    ("hsm_store_options_set_exclusive", 2),
    ("hsm_store_options_set_index_in_memory", 2),
    ("hsm_put_options_set_mode", 5),
    ("hsm_put_options_set_tier", 5),
    ("hsm_put_options_expect_digest", 2),
    ("hsm_put_options_expect_generation", 1),
    ("hsm_attributes_expect", 2),
    ("hsm_action_options_expect_digest", 2),
    ("hsm_action_options_set_path", 2),
    ("hsm_action_options_set_adoption", 2),
    ("hsm_put_options_add_digest", WEIGHT_MAX),
    ("hsm_object_put", WEIGHT_MAX),
    ("hsm_object_put_stream", 30),
    ("hsm_object_copy", 30),
    ("hsm_object_move", 20),
    ("hsm_object_undelete", 30),
    ("hsm_attributes_set", 40),
    ("hsm_put_options_set_attributes", 20),
    ("hsm_batch_put", 30),
    ("hsm_batch_commit", 30),
    ("hsm_batch_move", 20),
    ("hsm_part_begin", 20),
    ("hsm_part_write", 30),
    ("hsm_part_finish", 30),
    ("hsm_parts_add_receipt", WEIGHT_MAX),
    ("hsm_parts_commit", 20),
    ("hsm_event_digest_at", 40),
    ("hsm_event_key", 30),
    ("hsm_store_read_only_reason", 40),
    ("hsm_store_restore", 20),
    ("hsm_store_options_add_root", 20),
    ("hsm_store_rebuild", 30),
    ("hsm_dataset_create", 20),
    ("hsm_key_add", 30),
    ("hsm_key_find", 30),
    ("hsm_key_remove", 20),
    ("hsm_feed_next", WEIGHT_MAX),
    ("hsm_subscription_next", 30),
    ("hsm_subscriber_create", 20),
    ("hsm_subscription_open", 20),
    ("hsm_action_submit", 40),
    ("hsm_action_submit_site", 30),
    ("hsm_action_lease", 40),
    ("hsm_action_extend", 30),
    ("hsm_action_complete", 20),
    ("hsm_action_fail", 20),
    ("hsm_action_give_back", 20),
    ("hsm_action_bytes", 30),
    ("hsm_action_text", 20),
    ("hsm_action_wait", 20),
    ("hsm_action_next", 30),
    ("hsm_object_pin", 40),
    ("hsm_object_unpin", 4),
    ("hsm_objects_unpin_all", 4),
    ("hsm_pin_next", WEIGHT_MAX),
];
const WEIGHT: u32 = 10;
const WEIGHT_FREE: u32 = 4;
const WEIGHT_MAX: u32 = 60;

/// `kinds.h`: a number for each type of handle and how many functions there are.
pub(crate) fn kinds(header: &Header) -> String {
    let mut text = "/* Made from hsm.h. */\nenum kind {".to_owned();
    let mut names = String::new();
    for handle in &header.handles {
        write!(text, " KIND_{handle},").unwrap();
        write!(names, " \"{handle}\",").unwrap();
    }
    let count = header.functions.len();
    write!(text, " KINDS }};\nstatic const char *const kind_names[] = {{{names} }};\n").unwrap();
    writeln!(text, "enum {{ FUNCTIONS = {count}, WEIGHT_MAX = {WEIGHT_MAX} }};").unwrap();
    text
}

/// `calls.h`: the functions that make the calls, and a table of them.
pub(crate) fn calls(header: &Header) -> String {
    let mut text = "/* Made from hsm.h. */\n".to_owned();
    let mut table = String::new();
    for (number, function) in header.functions.iter().enumerate() {
        let Function { name, .. } = function;
        let call = Call::new(header, function);
        text += &call.text(number, function);
        let first = call.first.as_ref().map_or("KINDS".to_owned(), |first| format!("KIND_{}", first.kind));
        let usual = if name.ends_with("_free") { WEIGHT_FREE } else { WEIGHT };
        let weight = WEIGHTS.iter().find(|(known, _)| known == name).map_or(usual, |(_, weight)| *weight);
        writeln!(table, "    {{\"{name}\", call_{name}, {first}, {weight}, {}}},", i32::from(call.nests))
            .unwrap();
    }
    write!(text, "static const struct function functions[] = {{\n{table}}};\n\n").unwrap();
    text + &pools(header)
}

/// For the pools: what makes each kind of handle, and what frees it.
fn pools(header: &Header) -> String {
    let (mut frees, mut constructors, mut table) = (String::new(), String::new(), String::new());
    for kind in &header.handles {
        let makes = |parameter: &Parameter| {
            let of = parameter.kind.trim_start_matches("const ");
            of == format!("hsm_{kind} **") && parameter.name != "error_out"
        };
        let mut all = String::new();
        for function in header.functions.iter().filter(|function| function.parameters.iter().any(makes)) {
            write!(all, "call_{}, ", function.name).unwrap();
        }
        writeln!(constructors, "    [KIND_{kind}] = {{{all}NULL}},").unwrap();
        let free = format!("hsm_{kind}_free");
        if header.functions.iter().any(|function| function.name == free) {
            writeln!(frees, "static void free_{kind}(void *at) {{ {free}(at); }}").unwrap();
            writeln!(table, "    [KIND_{kind}] = free_{kind},").unwrap();
        }
    }
    format!(
        "{frees}\nstatic void (*const frees[KINDS])(void *) = {{\n{table}}};\n\n\
         static void (*const constructors[KINDS][8])(void) = {{\n{constructors}}};\n"
    )
}

/// The first handle that a function takes.
struct First {
    kind: String,
    name: String,
    is_exclusive: bool,
}

/// The parts of a function that makes a call.
#[derive(Default)]
struct Call {
    needs: String,
    /// Picks the arguments, each with its trace.
    picks: Vec<String>,
    arguments: Vec<String>,
    /// Settles what came out, and frees what went in.
    settles: String,
    first: Option<First>,
    nests: bool,
}

impl Call {
    fn new(header: &Header, function: &Function) -> Self {
        let mut call = Self { nests: !function.name.ends_with("_free"), ..Self::default() };
        let mut parameters = function.parameters.as_slice();
        while !parameters.is_empty() {
            let used = call.add(header, function, parameters);
            call.arguments.extend(parameters[..used].iter().map(Parameter::argument));
            parameters = &parameters[used..];
        }
        call
    }

    /// Adds the parameters that stand first and belong together; returns how many they are.
    fn add(&mut self, header: &Header, function: &Function, parameters: &[Parameter]) -> usize {
        let Parameter { kind, name } = &parameters[0];
        let next = parameters.get(1).map(|next| (next.kind.as_str(), next.name.as_str()));
        let pointed = kind.strip_suffix(" *").unwrap_or(kind);
        let record = pointed.trim_start_matches("const ");
        let handle = record.trim_start_matches("hsm_").trim_end_matches(" *").trim_end_matches(" **");
        let is_handle = header.handles.iter().any(|known| known == handle);
        match (kind.as_str(), next) {
            ("hsm_error **", _) => self.pick(format!("struct place {name} = error_place();")),
            (_, _) if is_handle && kind.ends_with("**") => self.add_handle_out(kind, name, handle),
            (_, _) if is_handle => self.add_handle(kind, name, handle),
            ("const hsm_id *", Some(("size_t", "count"))) => {
                self.pick(format!("size_t count; hsm_id *{name} = pick_ids(&objects, &count);"));
                self.settle(&format!("    free({name});\n"));
                return 2;
            }
            ("const hsm_id *", _) => {
                let ids = ids_of(&function.name, name);
                self.pick(format!("hsm_id its_{name}; const hsm_id *{name} = pick_id(&{ids}, &its_{name});"));
            }
            ("const hsm_position *", _) => self.pick(format!(
                "hsm_position its_{name}; const hsm_position *{name} = pick_position(&its_{name});"
            )),
            (_, Some(("size_t", size))) if kind.starts_with("const ") && size == format!("{name}_size") => {
                self.pick(format!(
                    "size_t {size} = record_size(sizeof({record})); struct place its_{name} = pick_record({size}); \
                     {kind}{name} = its_{name}.at;"
                ));
                self.settle(&format!("    leave_place(&its_{name});\n"));
                return 2;
            }
            ("const char *" | "const void *", Some(("size_t", length))) => {
                let is_text = i32::from(length != "size");
                let meaning = meaning(&function.name, name);
                self.pick(format!(
                    "struct run its_{name} = pick_run({meaning}, {is_text}); \
                     {kind}{name} = its_{name}.at; size_t {length} = its_{name}.length;"
                ));
                self.settle(&format!("    free(its_{name}.block);\n"));
                return 2;
            }
            ("void *" | "char *", Some(("size_t", size))) => {
                self.pick(format!(
                    "size_t {size} = pick_buffer_size(); struct place {name} = place({size});"
                ));
                self.settle_buffer(&function.name, name, parameters.get(2));
                return 2;
            }
            ("hsm_status *", _) => {
                self.pick(format!(
                    "struct place {name} = place((count < 100 ? count : 1) * sizeof(hsm_status));"
                ));
                self.settle(&format!("    leave_place(&{name});\n"));
            }
            ("const uint8_t **" | "const char **", Some(("size_t *", length))) => {
                self.pick(format!("struct place {name} = place(sizeof(void *));"));
                self.pick(format!("struct place {length} = place(sizeof(size_t));"));
                self.settle(&format!("    settle_bytes(&{name}, &{length}, answer);\n"));
                return 2;
            }
            (_, Some(("size_t", size))) if name.ends_with("_out") && size.ends_with("_size") => {
                self.pick(format!(
                    "size_t {size} = record_size(sizeof({record})); struct place {name} = place({size});"
                ));
                self.settle_record(record, name);
                return 2;
            }
            (_, _) if name.ends_with("_out") && kind.ends_with('*') => {
                self.pick(format!("struct place {name} = place(sizeof({record}));"));
                self.settle_out(function, record, name);
            }
            ("int32_t", _) if name == "fd" => {
                let is_to_write = i32::from(function.name.contains("_get"));
                self.pick(format!("int32_t fd = pick_descriptor({is_to_write});"));
                self.settles += "    leave_descriptor(fd);\n";
            }
            ("int32_t" | "uint32_t" | "uint64_t" | "int64_t" | "size_t", _) => {
                let picker = kind.trim_end_matches("_t");
                self.pick(format!("{kind} {name} = pick_{picker}(\"{name}\");"));
            }
            ("hsm_status", _) => self.pick(format!("hsm_status {name} = pick_int32(\"{name}\");")),
            (_, _) if kind.ends_with("_callback") => self.pick(format!("{kind} {name} = pick_{kind}();")),
            _ => panic!("{}: no rule for {kind} {name}; teach it to the fuzzer", function.name),
        }
        1
    }

    fn settle(&mut self, text: &str) {
        self.settles += text;
    }

    fn pick(&mut self, text: String) {
        self.picks.push(text);
    }

    fn add_handle(&mut self, kind: &str, name: &str, handle: &str) {
        let is_exclusive = !kind.starts_with("const ");
        writeln!(self.needs, "    need(KIND_{handle});").unwrap();
        let picker = if self.first.is_some() { "pick_optional" } else { "pick" };
        self.pick(format!("{kind}{name} = {picker}(KIND_{handle}, {});", i32::from(is_exclusive)));
        self.nests &= !is_exclusive;
        if self.first.is_none() {
            self.first = Some(First { kind: handle.to_owned(), name: name.to_owned(), is_exclusive });
        }
    }

    fn add_handle_out(&mut self, kind: &str, name: &str, handle: &str) {
        self.pick(format!("struct place {name} = place(sizeof(void *));"));
        let lender = match &self.first {
            Some(first) if kind.starts_with("const ") => format!("1, (void *){}", first.name),
            _ => "0, NULL".to_owned(),
        };
        self.settle(&format!("    settle_handle(&{name}, answer, KIND_{handle}, {lender});\n"));
    }

    /// What was written to a buffer is read, and kept where another function takes it.
    fn settle_buffer(&mut self, function: &str, name: &str, length: Option<&Parameter>) {
        let learns = match function {
            "hsm_parts_token" => "TOKEN",
            "hsm_part_finish" => "RECEIPT",
            "hsm_tiers_export" => "YAML",
            "hsm_object_digest_at" => "DIGEST",
            _ => "MEANINGS",
        };
        let length = length.map_or("NULL".to_owned(), |length| format!("&{}", length.name));
        let length = if length == "&error_out" { "NULL" } else { &length };
        self.settle(&format!("    settle_buffer(&{name}, {length}, answer, {learns});\n"));
    }

    fn settle_record(&mut self, record: &str, name: &str) {
        self.settle(&format!("    check_failed(&{name}, answer);\n"));
        let see = match record {
            "hsm_put_result" => "see_result",
            "hsm_object_info" => "see_object",
            "hsm_dataset_info" => "see_dataset",
            "hsm_action_info" => "see_action",
            "hsm_event_info" => "see_event",
            "hsm_position" => "see_position",
            _ => return self.settle(&format!("    leave_place(&{name});\n")),
        };
        self.settle(&format!(
            "    {record} its_{name};\n    if (answer == HSM_STATUS_OK && read_place(&{name}, &its_{name}, sizeof its_{name}))\n        \
             {see}(&its_{name});\n    leave_place(&{name});\n"
        ));
    }

    fn settle_out(&mut self, function: &Function, record: &str, name: &str) {
        if function.answer != "hsm_status" {
            self.settle(&format!("    leave_place(&{name});\n"));
        } else if record == "hsm_id" {
            let ids = ids_of(&function.name, name.trim_end_matches("_out"));
            self.settle(&format!(
                "    check_failed(&{name}, answer);\n    hsm_id its_{name};\n    \
                 if (answer == HSM_STATUS_OK && read_place(&{name}, &its_{name}, sizeof its_{name}))\n        \
                 see_id(&{ids}, &its_{name});\n    leave_place(&{name});\n"
            ));
        } else if name == "length_out" {
            // A buffer that is too small tells how long it must be.
            self.settle(&format!(
                "    check_failed(&{name}, answer == HSM_STATUS_BUFFER_TOO_SMALL ? HSM_STATUS_OK : answer);\n    \
                 leave_place(&{name});\n"
            ));
        } else {
            self.settle_record(record, name);
        }
    }

    fn text(&self, number: usize, function: &Function) -> String {
        let Function { name, answer, .. } = function;
        let mut text = format!("static void call_{name}(void)\n{{\n{}    enter(\"{name}\");\n", self.needs);
        text += "    hsm_status answer = HSM_STATUS_OK;\n";
        text += &self
            .picks
            .iter()
            .map(|pick| format!("    {pick}\n"))
            .collect::<Vec<_>>()
            .join("    trace(\", \");\n");
        let (exclusive, first) = match &self.first {
            Some(first) => (first.is_exclusive, first.name.as_str()),
            None => (false, "NULL"),
        };
        // What a reader lent lives as long as the reader; others lend until they are changed.
        if exclusive && (name.ends_with("_free") || !name.starts_with("hsm_reader")) {
            writeln!(text, "    end_loans({first});").unwrap();
        }
        writeln!(text, "    make_call({number}, {}, (void *){first});", i32::from(exclusive)).unwrap();
        let call = format!("{name}({})", self.arguments.join(", "));
        if function.parameters.iter().any(|parameter| parameter.name == "error_out") {
            writeln!(text, "    answer = {call};\n    answered({number}, answer, &error_out);").unwrap();
            text += &self.settles;
            if let Some(First { kind, name, .. }) = &self.first {
                writeln!(text, "    end_closed(answer, KIND_{kind}, {name});").unwrap();
            }
        } else {
            let call = match answer.as_str() {
                "const char *" => format!("const char *words = {call};\n    touch(words, strlen(words))"),
                _ => call,
            };
            writeln!(text, "    {call};\n    returned();\n    successes[{number}]++;").unwrap();
            if let (true, Some(First { kind, name, .. })) = (name.ends_with("_free"), &self.first) {
                writeln!(text, "    forget_freed(KIND_{kind}, {name});").unwrap();
            }
            text += &self.settles;
        }
        text + "    (void)answer;\n}\n\n"
    }
}

impl Parameter {
    /// How a call names the argument that was picked for it.
    fn argument(&self) -> String {
        let is_place = self.name.ends_with("_out") || self.name == "buffer";
        if is_place { format!("{}.at", self.name) } else { self.name.clone() }
    }
}

/// Whose ids a parameter takes, or puts out.
fn ids_of(function: &str, name: &str) -> &'static str {
    let is_of_actions = ["hsm_action_", "hsm_group_"].iter().any(|prefix| function.starts_with(prefix))
        && function != "hsm_action_options_set_id";
    let is_of_leases = ["extend", "complete", "fail", "give_back", "bytes"]
        .iter()
        .any(|verb| function.strip_prefix("hsm_action_") == Some(verb));
    match name {
        "dataset" => "datasets",
        "id" if is_of_leases => "leased",
        "id" | "group" if is_of_actions => "actions",
        _ => "objects",
    }
}

/// What the bytes are that a parameter takes.
fn meaning(function: &str, name: &str) -> &'static str {
    match (function, name) {
        ("hsm_store_open", "path") => "STORE_PATH",
        ("hsm_object_put_path", "path") => "INPUT_PATH",
        (
            "hsm_object_get_path" | "hsm_object_adopt_path" | "hsm_sink_open" | "hsm_action_options_set_path",
            "path",
        ) => "OUTPUT_PATH",
        ("hsm_store_options_set_index_directory", "path") => "INDEX_PATH",
        ("hsm_tier_settings_set_root", "path") => "ROOT_PATH",
        ("hsm_store_options_set_root", "path") => "NO_ROOT_PATH",
        ("hsm_store_restore" | "hsm_store_rebuild", "path") => "RESTORED_PATH",
        ("hsm_store_restore", "root") | ("hsm_store_options_add_root", "path") => "KEPT_PATH",
        (_, "directory") => "DIRECTORY_PATH",
        ("hsm_id_parse", "text") => "ID_TEXT",
        ("hsm_tier_settings_set_name", "name")
        | (_, "value" | "owner" | "reason" | "kind" | "kinds" | "worker" | "note" | "error") => "WORD",
        ("hsm_put_options_add_digest", "name") => "DIGEST_NAME",
        (_, "digest") => "DIGEST",
        (_, "data" | "payload" | "result") => "DATA",
        (_, "key" | "prefix") => "KEY",
        (_, "yaml") => "YAML",
        (_, "token") => "TOKEN",
        (_, "receipt") => "RECEIPT",
        (_, "name" | "after")
            if ["hsm_dataset_", "hsm_subscriber_", "hsm_subscription_open", "hsm_sink_open"]
                .iter()
                .any(|prefix| function.starts_with(prefix)) =>
        {
            "DATASET_NAME"
        }
        (_, "name")
            if ["hsm_attributes_", "hsm_query_", "hsm_subscription_set_attribute"]
                .iter()
                .any(|prefix| function.starts_with(prefix)) =>
        {
            "ATTRIBUTE_NAME"
        }
        _ => panic!("{function}: what are the bytes of {name}? Teach it to the fuzzer"),
    }
}
