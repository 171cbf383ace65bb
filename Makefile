# Rhiza. Each target is a script in scripts/ that installs what it needs and says what it does.
.DEFAULT_GOAL := help
.PHONY: help run test check bench console fmt generate clean-cache

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build everything and serve on http://localhost:8080 (ARGS="--listen …" is passed on)
	@scripts/run.sh $(ARGS)

test: ## every test, on real services; closes with "N passed, N failed" (ONLY="rust e2e" picks phases)
	@scripts/verify.sh tests

check: ## format, lints, architecture, dependencies, generated files
	@scripts/verify.sh checks

bench: ## the benchmarks of docs/benchmarks.md (ARGS go to bench/run.sh)
	@scripts/bench.sh $(ARGS)

console: ## the console with live reload, beside a Rhiza that already runs
	@scripts/console.sh dev

fmt: ## format the Rust code
	@scripts/fmt.sh

generate: ## write the generated files anew
	@scripts/generate.sh

clean-cache: ## remove what these commands downloaded and built
	@scripts/clean-cache.sh
