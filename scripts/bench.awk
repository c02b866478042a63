# Makes a table of promises out of what the benchmarks print. A line whose
# benchmark didn't run is left out.

function have(name) { return (name in seen) }

# row prints a promise: what, measured, against what, their ratio.
function row(what, measured, against, ratio, promise) {
	printf "%-44s %-26s %-40s %8s  %s\n", what, measured, against, ratio, promise
}

function times(a, b) { return b > 0 ? sprintf("%.2f", a / b) : "-" }

/^pkg: / { n = split($2, part, "/"); pkg = part[n] }
/^cpu: / { cpu = substr($0, 6) }
/^cores: / { cores = substr($0, 8) }
/^(begin|end): load/ { load[$1] = $0; sub(/^[a-z]+: load average: */, "", load[$1]) }
/^Benchmark/ && NF > 3 {
	name = $1
	sub(/-[0-9]+$/, "", name)
	sub(/^Benchmark/, "", name)
	name = pkg "." name
	seen[name] = 1
	for (i = 3; i < NF; i += 2) value[name, $(i + 1)] = $i
	if (name ~ /PeakMemory/) peaks[++npeaks] = name
}

END {
	t = "sidemirror.TranscodePod/"; f = "sidemirror.FirstSync/"
	row("WHAT", "MEASURED", "AGAINST", "RATIO", "PROMISED")
	if (have(t "Bytes")) {
		row("list bytes to BSON, a Pod of " sprintf("%.1f KB", value[t "Bytes", "json-B/Pod"] / 1000), \
			sprintf("%.0f ns", value[t "Bytes", "ns/Pod"]), \
			sprintf("unstructured, bson.Marshal: %.0f ns", value[t "Unstructured", "ns/Pod"]), \
			times(value[t "Unstructured", "ns/Pod"], value[t "Bytes", "ns/Pod"]), "at most 30000 ns")
		row("  CPU time, with the collector's", \
			sprintf("%.0f ns", value[t "Bytes", "cpu-ns/Pod"]), sprintf("%.0f ns", value[t "Unstructured", "cpu-ns/Pod"]), \
			times(value[t "Unstructured", "cpu-ns/Pod"], value[t "Bytes", "cpu-ns/Pod"]), "")
		row("  allocations", \
			sprintf("%.2f", value[t "Bytes", "allocs/Pod"]), sprintf("%.0f", value[t "Unstructured", "allocs/Pod"]), "", "0 amortised")
	}
	if (have(f "Discard") && have(f "PlainHTTP"))
		row("first sync, nothing stored: wall time", sprintf("%.2f s", value[f "Discard", "wall-s"]), \
			sprintf("plain HTTP client: %.2f s", value[f "PlainHTTP", "wall-s"]), \
			times(value[f "Discard", "wall-s"], value[f "PlainHTTP", "wall-s"]), "at most 1.2")
	if (have(f "Discard") && have(f "Informer"))
		row("first sync, nothing stored: CPU time", sprintf("%.2f s", value[f "Discard", "cpu-s"]), \
			sprintf("informer to BSON: %.2f s", value[f "Informer", "cpu-s"]), \
			times(value[f "Informer", "cpu-s"], value[f "Discard", "cpu-s"]), "at least 8")
	if (have(f "MongoDB") && have(f "InformerMongoDB"))
		row("first sync into MongoDB's double: CPU time", sprintf("%.2f s", value[f "MongoDB", "cpu-s"]), \
			sprintf("informer, bulk writes: %.2f s", value[f "InformerMongoDB", "cpu-s"]), \
			times(value[f "InformerMongoDB", "cpu-s"], value[f "MongoDB", "cpu-s"]), "")
	if (have(f "SQLite")) {
		row("first sync into SQLite on disk", sprintf("%.0f objects/s", value[f "SQLite", "objects/s"]), \
			sprintf("plain HTTP client: %.0f objects/s", value[f "PlainHTTP", "objects/s"]), \
			times(value[f "SQLite", "objects/s"], value[f "PlainHTTP", "objects/s"]), "at least 10000 objects/s")
		alone("  the same rows by the store alone", "Store")
		alone("  the same rows by plain inserts", "Inserts")
		alone("  the same JSON into a plain file", "File")
	}
	sc = "sidemirror.FirstSyncScraped"
	if (have(sc)) {
		row("a scrape during the first sync", sprintf("%.1f ms, %.0f KiB", value[sc, "median-scrape-ms"], value[sc, "scrape-KiB"]), \
			sprintf("the slowest: %.1f ms", value[sc, "slowest-scrape-ms"]), "", "below 50 ms and 1 MiB")
		row("  the sync, with a scrape each second", sprintf("%.2f s", value[sc, "scraped-sync-s"]), \
			sprintf("without: %.2f s", value[sc, "never-sync-s"]), times(value[sc, "scraped-sync-s"], value[sc, "never-sync-s"]), "at most 1.01")
		row("  CPU time", sprintf("%.2f s", value[sc, "scraped-cpu-s"]), \
			sprintf("without: %.2f s", value[sc, "never-cpu-s"]), times(value[sc, "scraped-cpu-s"], value[sc, "never-cpu-s"]), "")
	}
	for (i = 1; i <= npeaks; i++) {
		p = peaks[i]
		size = p
		sub(/.*Pods/, "", size)
		row("peak memory, first sync of " size " Pods", sprintf("%.1f MiB", value[p, "peak-MiB"]), \
			sprintf("a while later: %.1f MiB", value[p, "steady-MiB"]), \
			times(value[p, "peak-MiB"], value[p, "steady-MiB"]), "at most 1.3, below 100 MiB")
	}
	if (have("api.Status"))
		row("reading the status", sprintf("%.0f ns, %d allocation", value["api.Status", "ns/op"], value["api.Status", "allocs/op"]), \
			sprintf("while a writer has the lock: %.0f ns", value["api.StatusWhileLocked", "ns/op"]), \
			times(value["api.StatusWhileLocked", "ns/op"], value["api.Status", "ns/op"]), "no lock, only the response")
	if (have("api.Headers"))
		row("headers of one response", sprintf("%.0f ns, %d allocations", value["api.Headers", "ns/op"], value["api.Headers", "allocs/op"]), \
			"", "", "below 1000 ns")
	printf "\non %s, cores: %s; load average %s before, %s after\n", cpu, cores, load["begin:"], load["end:"]
}

function alone(what, way) {
	if (have(f "Alone/" way))
		row(what, sprintf("%.0f objects/s", value[f "Alone/" way, "objects/s"]), "", "", "")
}
