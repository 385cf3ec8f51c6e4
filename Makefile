# A newcomer needs git, gcc, make and this file: `make demo`, `make check`. The build itself is Meson's and Ninja's.

BUILD  = build/meson
CONVIS = build/convis
PREFIX = /usr/local
JOBS   =
NINJA  = ninja $(if $(JOBS),-j$(JOBS))
# Other settings of Meson, for instance MESON_ARGS=-Dwerror=true; they count when build/ is new.
MESON_ARGS =

.PHONY: help setup build demo check check-long check-gpu fuzz bench bench-gpu docs format install clean

help:
	@echo 'make setup       install what is missing to build (Debian packages, by apt-get)'
	@echo 'make build       build; the command is then $(CONVIS)'
	@echo 'make demo        show a real movie to a primate retina; pictures go to out/'
	@echo 'make check       every test, the sanitizers and short fuzzing, in some minutes; the last line counts'
	@echo 'make check-long  those at length; threads, clang, other processors, coverage: an hour or more (tools/check.sh PART: one)'
	@echo 'make check-gpu   every layer and whole models on a graphics card against the processor (DEVICE=auto)'
	@echo 'make fuzz        fuzz every parser at length (SECONDS_EACH=600)'
	@echo 'make bench       how fast it is here, against what this machine could do'
	@echo 'make bench-gpu   how fast it is on a graphics card, against what the card could do (DEVICE=auto)'
	@echo 'make docs        write docs/layers.md, retina.md and initialisers.md anew from the tables in the source'
	@echo 'make format      lay out the sources as .clang-format says (clang-format 14)'
	@echo 'make install     install the command, the library and its headers (PREFIX=$(PREFIX), DESTDIR=)'
	@echo 'make clean       remove build/ and out/'
	@echo
	@echo 'JOBS=N limits the compilers that run at once.'

setup:
	@tools/setup.sh build

$(BUILD)/build.ninja: | setup
	@meson setup $(BUILD) --prefix=$(PREFIX) $(MESON_ARGS)

build: setup $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD) command
	@ln -sf meson/cli/convis $(CONVIS)

demo: build
	@tools/demo.sh $(CONVIS) out

check: build
	@JOBS='$(JOBS)' tools/check.sh

check-long: build
	@JOBS='$(JOBS)' tools/check.sh long

# A name of `convis devices`; auto: the first usable graphics card.
DEVICE = auto
check-gpu: build
	@tools/setup.sh check
	@$(NINJA) -C $(BUILD) meson-test-prereq
	@tools/check_gpu.sh $(CONVIS) $(BUILD) $(DEVICE)

SECONDS_EACH = 600
fuzz: build
	@JOBS='$(JOBS)' CONVIS_FUZZ_SECONDS=$(SECONDS_EACH) CONVIS_FUZZ_CORPUS=$(CURDIR)/build/corpus tools/check.sh fuzz

bench: build
	@$(NINJA) -C $(BUILD) meson-benchmark-prereq
	@tools/bench.sh $(CONVIS) $(BUILD)

bench-gpu: build
	@$(NINJA) -C $(BUILD) bench/bench_device
	@$(BUILD)/bench/bench_device $(DEVICE)

format:
	@tools/setup.sh format
	@python3 tools/format.py

docs: build
	@tools/docs.sh $(CONVIS) docs

install: build
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@$(NINJA) -C $(BUILD) command
	@meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf build out
