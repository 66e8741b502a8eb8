# report.jq - the figures of contrib/bench as a table, and the budget with each row met or not
#
# Input: the object that `bench --json` writes. A figure of which a run failed is "failed", never a number.

def pad($n): tostring | . + " " * ([0, $n - length] | max);
def lpad($n): tostring | " " * ([0, $n - length] | max) + .;
def fixed($d): (. * pow(10; $d) | round) as $i
	| if $d == 0 then "\($i)"
	  else "\($i / pow(10; $d) | floor).\($i % pow(10; $d) | tostring | "0" * ($d - length) + .)" end;

# a number in the unit people read: ms, MiB, runs a second
def shown: if .unit == "us" then .median / 1000 | fixed(2) else .median | round | tostring end;
def spread: if .unit == "us" then "[\(.p10 / 1000 | fixed(1))–\(.p90 / 1000 | fixed(1))]" else "" end;
def good: .failed == 0 and (.n // 0) > 0;
def cell: if . == null then "-" elif good then "\(shown) \(spread)" else "failed" end;

def order: ["floor", "floor-o", "runbox", "runbox-plain", "crun", "runc", "youki"];
def rank: . as $r | (order | index($r)) // 99;
def names: map(.runtime) | unique | sort_by(rank);
def in_order: reduce .[] as $x ([]; if index([$x]) then . else . + [$x] end);

# the figure of one runtime, null where there is none that counts
def figure($what; $bundle; $runtime; $arg):
	[.[] | select(.what == $what and .bundle == $bundle and .runtime == $runtime and .arg == $arg and good)]
	| last | .median;
# on the same bundle as crun: without linux.resources where crun refuses them
def as_crun: if any(.[]; .what == "refused" and .runtime == "crun" and .arg == "") then "runbox-plain" else "runbox" end;
def ratio($a; $b): if $a == null or $b == null then null else $a / $b end;

def table($rows; $what): # $rows: [{label, cells: {runtime: figure}}]
	([$rows[].cells[]] | names) as $names
	| "\($what | pad(22))\($names | map(pad(20)) | join(""))",
	  ($rows[] | . as $row | "\(.label | pad(22))\($names | map($row.cells[.] | cell | pad(20)) | join(""))"), "";

def by_runtime: map({key: .runtime, value: .}) | from_entries;

def bundle_table($bundle):
	map(select(.bundle == $bundle and (.what | test("^(run|create|start|state|exec|kill|delete)(\\+pause)?$"))))
	| if length == 0 then empty else
	  . as $all | (map(.what) | in_order) as $whats
	  | table([$whats[] | . as $w | {label: $w, cells: ([$all[] | select(.what == $w)] | by_runtime)}];
		"\($bundle), ms"),
	  ([$all[] | select(.what == "run" and good)]
	   | if length > 0 then
		"CPU time of run, ms    \(map("\(.runtime) \(.cpu_us / 1000 | fixed(2))") | join(", "))",
		"peak RSS of run, MiB   \(map("\(.runtime) \(.rss_kib / 1024 | fixed(2))") | join(", "))", ""
	     else empty end)
	  end;

def arg_table($what; $title):
	map(select(.what == $what))
	| if length == 0 then empty else
	  . as $all | (map(.arg) | in_order) as $args
	  | table([$args[] | . as $a | {label: $a, cells: ([$all[] | select(.arg == $a)] | by_runtime)}]; $title)
	  end;

def errors:
	[.[] | select(.error and .what != "refused") | "\(.runtime) \(.what)\(if .arg == "" then "" else " " + .arg end), \(.bundle): \(.failed) failed: \(.error)"]
	| unique | .[];

# --- the budget: {row, value, limit, at_least} ---

def row($name; $value; $limit; $unit): {name: $name, value: $value, limit: $limit, unit: $unit};

def budget:
	. as $all | as_crun as $us
	| (map(select(.what == "run" and .bundle) | .bundle) | in_order) as $bundles
	| ($bundles[] | . as $b | $all
	   | figure("run"; $b; "runbox"; "") as $run | figure("run+pause"; $b; "runbox"; "") as $paused
	   | if $b == "default" then row("run, default, of the floor"; ratio($run; figure("run"; $b; "floor"; "")); 1.25; "×") else empty end,
	     row("run, \($b), of crun"; ratio(figure("run"; $b; $us; ""); figure("run"; $b; "crun"; "")); 0.45; "×"),
	     if $b == "default" then row("run after a pause, of the floor"; ratio($paused; figure("run+pause"; $b; "floor"; "")); 0.8; "×") else empty end,
	     row("run after a pause, \($b), of crun"; ratio(figure("run+pause"; $b; $us; ""); figure("run+pause"; $b; "crun"; "")); 0.45; "×")),
	  ($bundles[] | . as $b | ("create", "start", "state", "exec", "kill", "delete") as $verb | $all
	   | select(any(.what == $verb and .bundle == $b))
	   | row("\($verb), \($b), of crun"; ratio(figure($verb; $b; $us; ""); figure($verb; $b; "crun"; "")); 0.45; "×")),
	  row("seccomp profile seen before, of without"; ratio(figure("seccomp"; "engine-a"; "runbox"; "with"); figure("seccomp"; "engine-a"; "runbox"; "without")); 1.1; "×"),
	  row("peak RSS of run"; ([.[] | select(.what == "run" and .bundle == "default" and .runtime == "runbox" and good) | .rss_kib / 1024] | last); 1.6; "MiB"),
	  row("containers a second, four at a time, of crun"; ratio(figure("rate"; "default"; $us; "4"); figure("rate"; "default"; "crun"; "4")); -2; "×"),
	  row("run with 1000 more mounts, of without"; ratio(figure("mounts"; "default"; "runbox"; "1000"); figure("mounts"; "default"; "runbox"; "0")); 1.1; "×"),
	  row("  the floor's own growth (no goal)"; ratio(figure("mounts"; "default"; "floor"; "1000"); figure("mounts"; "default"; "floor"; "0")); null; "×"),
	  row("run with 1000 live containers, of without"; ratio(figure("live"; "default"; "runbox"; "1000"); figure("live"; "default"; "runbox"; "0")); 1.1; "×"),
	  row("  the floor's own growth (no goal)"; ratio(figure("live"; "default"; "floor"; "1000"); figure("live"; "default"; "floor"; "0")); null; "×"),
	  row("CPU time of run, of the floor (no goal)"; ([.[] | select(.what == "run" and .bundle == "default" and .runtime == ("runbox", "floor") and good)]
		| ratio(([.[] | select(.runtime == "runbox") | .cpu_us] | last); ([.[] | select(.runtime == "floor") | .cpu_us] | last))); null; "×"),
	  row("smallest memory limit"; figure("memory"; "default"; "runbox"; ""); 512; "KiB");

# a negative limit is one to reach, a positive one not to pass
def verdict:
	if .value == null then "not measured" elif .limit == null then ""
	elif .limit < 0 then (if .value >= -.limit then "met" else "NOT MET" end)
	elif .value <= .limit then "met" else "NOT MET" end;
def goal:
	if .limit == null then "" else
	"\(if .limit < 0 then "≥ \(-.limit)" else "≤ \(.limit)" end) \(.unit)" end;

def budget_table:
	"\("budget" | pad(46))\("goal" | pad(12))\("here" | pad(12))",
	(budget | "\(.name | pad(46))\(goal | pad(12))\(if .value == null then "-" else "\(.value | fixed(2)) \(.unit)" end | pad(12))\(verdict)"),
	"";

def view_report($view):
	map(select(.view == $view))
	| "=== cgroup view: \($view) ===", "",
	  (.[] | select(.what == "without") | "without limits that have no controller here: \(.arg | [scan("resources\\.(\\w+)")[0]] | join(", "))"),
	  (.[] | select(.what == "refused") | "\(.runtime) \(if .arg == "" then "refuses the default bundle" else "refuses it also without linux.resources" end): \(.error)"),
	  (if as_crun == "runbox" then empty else "so runbox-plain is runbox without linux.resources; it is what is compared with crun below" end),
	  "",
	  bundle_table("default"), bundle_table("engine-a"), bundle_table("engine-b"),
	  arg_table("seccomp"; "engine-a, ms"),
	  arg_table("network"; "network namespace, ms"),
	  arg_table("rate"; "at a time, per second"),
	  arg_table("mounts"; "more mounts, ms"),
	  arg_table("live"; "live containers, ms"),
	  arg_table("memory"; "memory limit, KiB"),
	  budget_table,
	  ([errors] | if length > 0 then "failures", .[], "" else empty end);

"medians [10 %–90 %] of whole processes; \(.date), kernel \(.kernel), \(.cpus) CPUs",
(if .load_before > .cpus / 4 then "the machine was busy with other work before this began (load \(.load_before)): compare, trust no absolute time" else empty end),
(.versions | to_entries[] | "\(.key): \(.value)"), "",
(.results | . as $all | (map(.view) | in_order)[] as $v | $all | view_report($v))
