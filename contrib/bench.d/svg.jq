# svg.jq - the medians of the default bundle as bars, for README
#
# Input: the object that `bench --json` writes. One panel for each view of the cgroups; the colours are
# middle tones, and the text follows the reader's light or dark scheme.

def names: ["runbox", "crun", "runc", "youki", "floor"];
def colours: {runbox: "#2a9d6f", crun: "#4a86d8", runc: "#c77d33", youki: "#a565c0", floor: "#8a8f98"};
def whats: ["run", "run+pause", "create", "start", "state", "exec", "kill", "delete"];
def words: if . == "run+pause" then "run after 100 ms" else . end;

def bar_height: 11;
def left: 130;
def width: 720;
def one: . * 100 | round / 100;

def rows($view): # [{what, bars: [{runtime, median}]}]
	. as $results | [whats[] as $what | {what: $what, bars: [names[] as $name
		| $results[] | select(.view == $view and .bundle == "default" and .what == $what
			and .runtime == $name and .failed == 0 and .median)
		| {runtime: $name, ms: (.median / 1000)}]} | select(.bars | length > 0)];

def height: 40 + ([.[] | (.bars | length) * bar_height + 9] | add // 0);

def draw($view; $top; $scale):
	"<text class=\"t\" x=\"8\" y=\"\($top + 18)\">cgroup \($view), milliseconds (median)</text>",
	(foreach .[] as $row ({y: ($top + 30), next: ($top + 30)};
		{y: .next, next: (.next + ($row.bars | length) * bar_height + 9), row: $row};
		.y as $y
		| "<text x=\"\(left - 8)\" y=\"\($y + (.row.bars | length) * bar_height / 2 + 4)\" text-anchor=\"end\">\(.row.what | words)</text>",
		  (.row.bars | to_entries[] | ($y + .key * bar_height) as $at | (.value.ms * $scale | one) as $w
		   | "<rect x=\"\(left)\" y=\"\($at)\" width=\"\($w)\" height=\"\(bar_height - 2)\" rx=\"1\" fill=\"\(colours[.value.runtime] // "#999")\"/>",
		     "<text class=\"n\" x=\"\(left + $w + 4)\" y=\"\($at + 8)\">\(.value.ms | one)</text>")));

.results as $results
| ($results | map(.view) | reduce .[] as $v ([]; if index([$v]) then . else . + [$v] end)) as $views
| [$views[] as $v | {view: $v, rows: ($results | rows($v))} | select(.rows | length > 0)] as $panels
| ([$panels[].rows[].bars[].ms] | max // 1) as $max
| ((width - left - 60) / $max) as $scale
| ([$panels[].rows | height] | add // 0) as $sum
| ([$panels[].rows[].bars[].runtime] | unique) as $seen
| "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\($sum + 30)\" viewBox=\"0 0 \(width) \($sum + 30)\" font-family=\"sans-serif\" font-size=\"12\">",
  "<title>Time of each verb: runbox and other runtimes</title>",
  "<style>text{fill:#24292f}.n{font-size:9px}.t{font-weight:bold}@media(prefers-color-scheme:dark){text{fill:#d0d7de}}</style>",
  ([names[] | select(. as $n | $seen | index($n))] | to_entries[]
   | "<rect x=\"\(left + .key * 90)\" y=\"8\" width=\"10\" height=\"10\" fill=\"\(colours[.value])\"/>",
     "<text x=\"\(left + .key * 90 + 15)\" y=\"17\">\(.value)</text>"),
  (foreach $panels[] as $p ({next: 26}; {top: .next, next: (.next + ($p.rows | height)), p: $p}; .)
   | .top as $top | .p as $p | $p.rows | draw($p.view; $top; $scale)),
  "</svg>"
