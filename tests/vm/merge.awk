# merge.awk - the output of tests/vm/guest as one TAP stream
#
# -v list=FILE: the "WHO FILE" lines that were to be run; one that has no @end line has failed. Exit
# status 1 if anything failed.

function result(good, name) {
	printf "%sok %d - vm: %s%s\n", good ? "" : "not ", ++total, who == "root" ? "" : who ": ", name
	fflush()
	if (!good)
		bad++
}

# A file that ended badly without a failed result, or with fewer results than it planned
function finish(status) {
	if ((status != 0 && failed == 0) || planned < 0 || (planned != seen && planned != 0))
		result(0, file ": ended with status " status " after " seen " of " \
			(planned < 0 ? "an unknown number of" : planned) " results")
	done[who " " file] = 1
}

BEGIN {
	planned = -1
	while ((getline line < list) > 0)
		wanted[++files] = line
}

$1 == "@begin" {
	who = $2; file = $3; seen = failed = 0; planned = -1
	print "# " $2 ": " $3
	next
}

# Not a failure, for it depends on the machine; but not passed over in silence
$1 == "@late" {
	who = $2
	result(1, $3 " # SKIP too slow a machine: no time was left to begin with it (VM_SECONDS)")
	done[$2 " " $3] = 1
	next
}

$1 == "@end" {
	finish($4)
	print "# " $2 ": " $3 " took " $5 " s"
	next
}

/^1\.\.[0-9]+/ {
	planned = substr($1, 4) + 0
	if (planned == 0)
		result(1, file " " ($0 ~ /#/ ? substr($0, index($0, "#")) : "# SKIP it has no tests"))
	next
}

/^(not )?ok( |$)/ {
	seen++
	good = ($0 !~ /^not /)
	if (!good)
		failed++
	name = $0
	sub(/^(not )?ok *[0-9]* *(- )?/, "", name)
	if (who ~ /^rootless/ && good && tolower(name) ~ /# skip.*needs (root|cap_)/)
		elsewhere++
	else
		result(good, name)
	next
}

/^Bail out!/ { result(0, file ": " $0); next }

{ print (/^#/ ? "" : "# ") $0; fflush() }

END {
	for (i = 1; i <= files; i++)
		if (!(wanted[i] in done)) {
			split(wanted[i], part)
			who = part[1]
			result(0, part[2] ": not run to its end: the guest's time was over, or it died")
		}
	if (elsewhere)
		print "# rootless: " elsewhere " times a test that needs root was skipped; it was run as root"
	# A plan of no tests would read as a skip.
	print total ? "1.." total : "Bail out! tests/vm: nothing was run"
	exit bad > 0 || !total
}
