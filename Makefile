# Every target makes the virtual environment when there is none.
# PYTHON makes it. RESULTS is what tables and figures are made of. ARCHIVES and PAPER are where `make paper` finds
# the archives and puts what it makes of them; GRID_OPTIONS are further options of its run-grid, and of the demo's.
# JOBS share the work. WEIGHTS is a folder of weights that were trained elsewhere, which are fetched without it.
# CONSTRAINTS pins versions; /dev/null takes the newest. PYTHONS are those that the wheel is tried with.
PYTHON ?= python3
PYTHONS ?= $(PYTHON)
RESULTS ?= results
ARCHIVES ?= archives
PAPER ?= paper
GRID_OPTIONS ?=
CONSTRAINTS ?= constraints.txt
LISTS ?=
WEIGHTS ?=
JOBS ?= $(shell nproc)

BIN := .venv/bin
INSTALLED := .venv/.installed
LINTERS := .venv/.linters
WRITERS := .venv/.writers
PACKAGERS := .venv/.packagers

.PHONY: install demo paper paper-available systems tables figures report test test-fast bench lint docs notebooks dist clean

install: $(INSTALLED)

$(INSTALLED): setup.cfg setup.py pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]' --constraint $(CONSTRAINTS)
	touch $@

# The whole study, small, on images that the package makes itself.
demo: $(INSTALLED)
	@echo "The demo takes about three minutes on two cores."
	$(BIN)/cifake-keras data prepare procedural --data-dir demo/data
	$(BIN)/cifake-keras run-grid --preset demo --no-sweep --jobs $(JOBS) --data-dir demo/data \
		--results-dir demo/results --saved-models-dir demo/saved_models $(GRID_OPTIONS)
	$(BIN)/cifake-keras figures --results-dir demo/results
	$(BIN)/cifake-keras tables --results-dir demo/results

# The study on real images, as far as their archives are at hand; goes on where it was stopped.
paper: $(INSTALLED)
	$(BIN)/cifake-keras data prepare all --from $(ARCHIVES) --data-dir $(PAPER)/data
	$(BIN)/cifake-keras run-grid --preset available --jobs $(JOBS) --data-dir $(PAPER)/data \
		--results-dir $(PAPER)/results --saved-models-dir $(PAPER)/saved_models $(GRID_OPTIONS)
	$(BIN)/cifake-keras figures --results-dir $(PAPER)/results
	$(BIN)/cifake-keras tables --results-dir $(PAPER)/results

# What results/ holds: five seeds, examined, and audited; Phase 2, of which most is not available, and the more diverse
# training sets are not swept. The recipe equal takes the autoencoders that are there. LISTS names the folder of the
# authors' validation lists, for those who have them.
paper-available systems: FOLDERS = --jobs $(JOBS) --data-dir $(PAPER)/data $(if $(LISTS),--validation-files $(LISTS))
paper-available systems: PUBLISHED = $(FOLDERS) --seeds 5 --results-dir $(PAPER)/results
paper-available: EQUAL = $(FOLDERS) --seeds 5 --results-dir $(PAPER)/results/equal --phase phase1
paper-available: DIVERSE = $(foreach pairs,0 500 1000 1500,--phase diverse$(pairs))
paper-available systems: SAVED = --saved-models-dir $(PAPER)/saved_models
paper-available: $(INSTALLED)
	$(BIN)/cifake-keras data prepare all --from $(ARCHIVES) --data-dir $(PAPER)/data
	$(BIN)/cifake-keras run-grid $(PUBLISHED) $(SAVED) --phase phase1
	$(BIN)/cifake-keras run-grid $(PUBLISHED) $(SAVED) --phase phase2 --no-sweep
	$(BIN)/cifake-keras run-grid $(PUBLISHED) $(SAVED) $(DIVERSE) --recipe equal --no-sweep
	$(BIN)/cifake-keras examine $(PUBLISHED) --phase phase1 --phase phase2 $(DIVERSE)
	mkdir -p $(PAPER)/results/equal/runs/phase1
	cp --recursive --no-clobber $(PAPER)/results/runs/phase1/autoencoder $(PAPER)/results/equal/runs/phase1
	$(BIN)/cifake-keras run-grid $(EQUAL) $(SAVED)/equal --recipe equal
	$(BIN)/cifake-keras examine $(EQUAL)
	for phase in phase1 phase2; do $(BIN)/cifake-keras data audit --phase $$phase $(if $(LISTS),--validation-files $(LISTS)) \
		--data-dir $(PAPER)/data --results-dir $(PAPER)/results || exit; done
	$(MAKE) report RESULTS=$(PAPER)/results
	$(MAKE) report RESULTS=$(PAPER)/results/equal

# What the paper builds on and asks for, beside its four conditions, in the results of `make paper-available`: the
# autoencoder as augmentation, pretrained autoencoders, frozen features, and Bird and Lotfi's topologies.
systems: CONDITIONS = autoencoder_augmented autoencoder_augmented_taef2 ensemble_augmented reconstructions_as_fakes \
	reconstructions_as_fakes_taef2 taef2 taef2_64
systems: SMALL = $(PUBLISHED) --phase diverse0
systems: HEADS = --classifier 'clip_vit_b16_112_*' --classifier 'efficientnet_lite0_*'
systems: $(INSTALLED)
	for name in taef2 clip_vit_b16 efficientnet_lite0; do $(BIN)/cifake-keras data prepare weights $$name \
		$(if $(WEIGHTS),--from $(WEIGHTS)/$$name) --data-dir $(PAPER)/data || exit; done
	$(BIN)/cifake-keras run-grid $(SMALL) $(SAVED) $(CONDITIONS:%=--condition %) --recipe equal --no-sweep
	$(BIN)/cifake-keras run-grid $(SMALL) $(SAVED) $(HEADS) --condition baseline --recipe equal --no-sweep
	$(BIN)/cifake-keras examine $(SMALL) $(CONDITIONS:%=--condition %)
	$(BIN)/cifake-keras examine $(SMALL) $(HEADS) --condition baseline
	$(BIN)/cifake-keras run-grid $(FOLDERS) --phase phase1 --condition baseline --classifier 'bird_lotfi*' --no-sweep \
		$(SAVED)/topologies --results-dir $(PAPER)/results
	$(MAKE) report RESULTS=$(PAPER)/results

tables figures: $(INSTALLED)
	$(BIN)/cifake-keras $@ --results-dir $(RESULTS)

report: tables figures
	$(BIN)/cifake-keras $@ --results-dir $(RESULTS)

# The processes of the tests share the cores; one more of them gains nothing. A file stays in one process, as its tests
# share what they need.
test test-fast: export OPENBLAS_NUM_THREADS = 1
test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

# What does not train and starts no program: for the edit-test loop, of every wing.
test-fast: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile -m 'not slow'

# Ours beside the machine's bound and PyTorch, into a result for this kind of processor; half an hour on two cores.
bench: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]' --constraint constraints.txt
	$(BIN)/python scripts/bench.py

$(LINTERS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[lint]' --constraint $(CONSTRAINTS)
	touch $@

lint: $(LINTERS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive cifake_keras
	# Scripts start processes, which bandit counts as a weak spot of low severity.
	$(BIN)/bandit --quiet --recursive -ll scripts
	# It fails also where its database is out of reach, but then it lists nothing.
	listed=$$($(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip) || test -z "$$listed" || \
		{ echo "$$listed"; exit 1; }

$(WRITERS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs,notebooks]' --constraint $(CONSTRAINTS)
	touch $@

# The documentation as a site, in the folder site: index.html opens without a server, but the search wants one.
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(WRITERS)
	$(BIN)/mkdocs build --strict

# Runs the notebooks, and keeps what they print and draw.
notebooks: $(WRITERS)
	$(BIN)/jupyter nbconvert --to notebook --inplace --execute --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

$(PACKAGERS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dist]' --constraint $(CONSTRAINTS)
	touch $@

# The wheel and the sdist, which a package index takes, and whose detector answers where the wheel alone is installed.
dist: $(PACKAGERS)
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	for python in $(PYTHONS); do $$python -m venv --clear build/installed && \
		build/installed/bin/pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) dist/*.whl && \
		build/installed/bin/cifake-keras predict results/figures/routes_phase1.png || exit; done

clean:
	rm -rf .venv demo build dist site *.egg-info
