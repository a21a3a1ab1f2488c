# willmsim: `make demo` runs the main job, `make test` the tests; both install what is missing.
#
# A room is a folder; its objects go into one library. tests/ROOM/*.c make one test program per
# room: each file exports `int test_FILE(void)` (a cmocka group) and the main is generated.

ROOMS   := base models sched sim datasets
BUILD   ?= build
PREFIX  ?= /usr/local
ifeq ($(origin CC),default)
CC      := gcc
endif
VERSION := 0.1.0

# --- What the machine has (looked up only once the packages are there) -----------------------
PKGS    := gsl libcjson sqlite3 nettle nlopt
HAVE    := $(shell pkg-config --exists $(PKGS) 2>/dev/null && test -e /usr/include/csv.h && echo yes)
NVCC    ?= $(firstword $(wildcard /usr/local/cuda/bin/nvcc) $(shell command -v nvcc 2>/dev/null))
MPICC   ?= $(shell command -v mpicc 2>/dev/null)
GNUPLOT ?= $(shell command -v gnuplot 2>/dev/null)
GIT_REV := $(shell git rev-parse --short=12 HEAD 2>/dev/null)

CSTD     := -std=c17 -D_GNU_SOURCE
WARN     := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Werror
OPT      ?= -O3
# -ffp-contract=off: no fused multiply-add, so that results do not hang on the processor.
CFLAGS   += $(CSTD) $(WARN) $(OPT) -g -ffp-contract=off -fno-math-errno -fopenmp -MMD -MP $(SAN)
CPPFLAGS += -I. $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CPPFLAGS += -DWILLMSIM_VERSION='"$(VERSION)"' -DWILLMSIM_PREFIX='"$(PREFIX)"'
CPPFLAGS += -DWITH_CUDA=$(if $(NVCC),1,0) -DWITH_MPI=$(if $(MPICC),1,0) -DWITH_GNUPLOT=$(if $(GNUPLOT),1,0)
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lcsv -lm
LDFLAGS  += -fopenmp $(SAN)

# One program per file: tools that are not part of willmsim itself.
SIDE_TOOLS := $(wildcard tools/fit_*.c)

src   = $(wildcard $(1)/*.c)
objs  = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIBS  := $(ROOMS:%=$(BUILD)/lib%.a)
# Link order follows who uses whom.
LINK  := $(foreach r,datasets sim sched models base,$(BUILD)/lib$(r).a)
# A module: the program itself needs no MPI.
MPI_SRC := tools/ranks_mpi.c
MAIN_SRC := $(filter-out $(SIDE_TOOLS) $(MPI_SRC),$(wildcard tools/*.c))
TEST_ROOMS := $(sort $(patsubst tests/%/,%,$(dir $(wildcard tests/*/*.c))))
TESTS := $(TEST_ROOMS:%=$(BUILD)/tests/test_%)
# Calibration: its kernels are modules, loaded when asked for, so that the program needs neither
# OpenBLAS nor CUDA. The CPU's are compiled for the processor at hand, which they measure; CUDA's
# where nvcc is, for every generation from sm_75 on that it knows, and PTX of the newest for later
# ones. `make NVCC=` leaves them out.
KERNEL_CPU := $(wildcard bench/kernels/cpu*.c)
KERNEL_CUDA := $(wildcard bench/kernels/cuda*.c)
KERNEL_CU := $(wildcard bench/kernels/cuda*.cu)
KERNEL_SRC := $(filter-out $(KERNEL_CPU) $(KERNEL_CUDA),$(call src,bench/kernels))
ifneq ($(shell pkg-config --exists openblas 2>/dev/null && echo yes),)
MODULES += $(BUILD)/kernels_cpu.so
endif
ifneq ($(NVCC),)
MODULES += $(BUILD)/kernels_cuda.so
CUDA_KNOWN := $(patsubst compute_%,%,$(shell $(NVCC) --list-gpu-arch 2>/dev/null))
CUDA_ARCHS := $(filter 75 80 86 89 90,$(CUDA_KNOWN))
CUDA_GENCODE := $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
    $(foreach a,$(lastword $(CUDA_ARCHS)),-gencode arch=compute_$(a),code=compute_$(a))
CUDA_HOME := $(abspath $(dir $(realpath $(shell command -v $(NVCC) 2>/dev/null)))/..)
endif
# The CUDA kernels' test runs them on the CPU: the same files as C, an emulator in CUDA's place.
EMULATE := tests/kernels/emulate
EMULATED := $(patsubst %,$(BUILD)/emulated/%.o,$(basename $(notdir $(KERNEL_CUDA) $(KERNEL_CU)))) \
    $(call objs,$(call src,$(EMULATE)))
ifneq ($(MPICC),)
MODULES += $(BUILD)/ranks_mpi.so
# Open MPI's and MPICH's compilers both print what they would call.
MPI_CFLAGS := $(filter -I% -D%,$(shell $(MPICC) -show 2>/dev/null))
endif
BENCHES := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/bench_*.c))
# The peer of bench_radio, where ns-3 (libns3-dev) is installed; never installed by us.
NS3_PKGS := ns3-lte ns3-point-to-point ns3-internet ns3-mobility
ifneq ($(shell pkg-config --exists $(NS3_PKGS) 2>/dev/null && command -v $(CXX)),)
BENCHES += $(BUILD)/bench/ns3_lte
endif

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all demo test lint sanitize bench install clean deps build-tests benches reference format

all: deps-check $(BUILD)/willmsim $(MODULES)

# A plain `make` does not install; it says what is missing.
.PHONY: deps-check
deps-check:
ifneq ($(HAVE),yes)
	@echo "willmsim: libraries are missing; run 'make deps' to install them" >&2; exit 1
endif

deps:
	@sh tools/install-deps.sh build figures

demo:
	@sh tools/install-deps.sh build
	@$(MAKE) --no-print-directory all
	$(BUILD)/willmsim run scenarios/smart-glasses-uplink.json

test:
	@sh tools/install-deps.sh build figures test
	@$(MAKE) --no-print-directory all build-tests
	@BUILD=$(BUILD) sh tests/run.sh

build-tests: $(TESTS)

sanitize:
	@sh tools/install-deps.sh build figures test
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/sanitize OPT=-O1 \
	    SAN='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' \
	    all build-tests
	@BUILD=$(BUILD)/sanitize sh tests/run.sh

C_FILES = $(shell git ls-files '*.c' '*.h' '*.cu' 2>/dev/null)
lint:
	@sh tools/install-deps.sh build test lint
	@$(MAKE) --no-print-directory lint-run

.PHONY: lint-run
lint-run:
	clang-format --dry-run --Werror $(filter %.c %.h,$(C_FILES))
	sh tests/rooms.sh
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	    --suppress=missingIncludeSystem --error-exitcode=1 -I. -j 2 $(ROOMS) tools bench
	@mkdir -p $(BUILD)/tidy
	@printf '%s\n' $(CSTD) -fopenmp -I$(CURDIR) -I$(CURDIR)/$(EMULATE) $(CPPFLAGS) $(MPI_CFLAGS) -DWILLMSIM_REVISION='""' > $(BUILD)/tidy/compile_flags.txt
	printf '%s\n' $(filter-out tests/%,$(filter %.c,$(C_FILES))) | xargs -P 2 -n 1 \
	    sh -c 'clang-tidy --quiet -p $(BUILD)/tidy "$$0" 2>/dev/null'

format:
	clang-format -i $(filter %.c %.h,$(C_FILES))

bench:
	@sh tools/install-deps.sh build bench
	@$(MAKE) --no-print-directory all benches
	@BUILD=$(BUILD) sh bench/run.sh

benches: $(BENCHES)

# The four categories of the WiLLM data set at their full size, under out/twin/ (1.3 GB).
.PHONY: twin test-influx
twin:
	@sh tools/install-deps.sh build test
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) sh tools/twin.sh out/twin

# Against a real InfluxDB 1.x; not part of `make test`.
test-influx:
	@sh tools/install-deps.sh build test influx
	@$(MAKE) --no-print-directory all
	@sh tools/influx-inspect.sh $(BUILD)/influx_inspect
	@PATH="$(CURDIR)/$(BUILD):$$PATH" BUILD=$(BUILD) sh tests/tools/influx.sh

# The scenario reference and the JSON Schema are printed by the loader's own tables.
reference: all
	$(BUILD)/willmsim schema > scenarios/scenario.schema.json
	$(BUILD)/willmsim schema --markdown > docs/scenarios.md

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/willmsim/bench \
	    $(DESTDIR)$(PREFIX)/share/willmsim/models
	install -m 755 $(BUILD)/willmsim $(DESTDIR)$(PREFIX)/bin/willmsim
	cp -R scenarios $(DESTDIR)$(PREFIX)/share/willmsim/
	cp -R bench/profiles $(DESTDIR)$(PREFIX)/share/willmsim/bench/
	install -d $(DESTDIR)$(PREFIX)/share/willmsim/datasets
	install -m 644 datasets/published_targets.json datasets/edge_targets.json \
	    $(DESTDIR)$(PREFIX)/share/willmsim/datasets/
	install -d $(DESTDIR)$(PREFIX)/share/willmsim/bench/kernels $(DESTDIR)$(PREFIX)/lib/willmsim
	cp -R bench/kernels/cards $(DESTDIR)$(PREFIX)/share/willmsim/bench/kernels/
	for m in $(MODULES); do install -m 755 $$m $(DESTDIR)$(PREFIX)/lib/willmsim/; done
	cp -R models/cards $(DESTDIR)$(PREFIX)/share/willmsim/models/

clean:
	rm -rf $(BUILD)

# --- How things are made ----------------------------------------------------------------------
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "CC $<"; $(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

# The version string changes with every commit; only this object sees it.
.PHONY: always
$(BUILD)/revision: always
	@mkdir -p $(@D); echo '$(GIT_REV)' | cmp -s - $@ || echo '$(GIT_REV)' > $@
$(BUILD)/tools/version.o: $(BUILD)/revision
$(BUILD)/tools/version.o: CPPFLAGS += -DWILLMSIM_REVISION='"$(GIT_REV)"'

define room_library
$(BUILD)/lib$(1).a: $(call objs,$(call src,$(1)))
	@rm -f $$@; echo "AR $$@"; ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_library,$(r))))

$(BUILD)/willmsim: $(call objs,$(MAIN_SRC) $(KERNEL_SRC)) $(LINK)
	@echo "LD $@"; $(CC) $(LDFLAGS) $(call objs,$(MAIN_SRC) $(KERNEL_SRC)) $(LINK) $(LDLIBS) -o $@

$(BUILD)/kernels_cpu.so: $(KERNEL_CPU) bench/kernels/cpu.h bench/kernels/backend.h
	@mkdir -p $(@D)
	@echo "CC $(KERNEL_CPU) (module)"; $(CC) -I. $(CSTD) $(WARN) $(OPT) -g -march=native \
	    -fno-math-errno -fopenmp -fPIC -shared $(SAN) $$(pkg-config --cflags openblas) \
	    $(KERNEL_CPU) -lm -o $@

CUDA_OBJS := $(patsubst %,$(BUILD)/cuda/%.o,$(basename $(notdir $(KERNEL_CUDA) $(KERNEL_CU))))
$(BUILD)/kernels_cuda.so: $(CUDA_OBJS)
	@echo "LD $@"; $(NVCC) -shared $^ -o $@ -lcublas -lcublasLt -Xlinker -rpath,$(CUDA_HOME)/lib64

$(BUILD)/cuda/%.o: bench/kernels/%.c bench/kernels/cuda.h bench/kernels/backend.h bench/kernels/half.h
	@mkdir -p $(@D)
	@echo "CC $< (module)"; $(CC) -I. -isystem $(CUDA_HOME)/include $(CSTD) $(WARN) $(OPT) -g -fPIC \
	    -c $< -o $@

$(BUILD)/cuda/%.o: bench/kernels/%.cu bench/kernels/cuda.h bench/kernels/cuda_device.h bench/kernels/backend.h
	@mkdir -p $(@D)
	@echo "NVCC $<"; $(NVCC) -ccbin $(CC) -I. -std=c++17 -O3 -Werror all-warnings \
	    -Xcompiler -fPIC,-Wall,-Wextra $(CUDA_GENCODE) -c $< -o $@

EMULATED_DEPS := $(wildcard bench/kernels/cuda*.h $(EMULATE)/*.h $(EMULATE).h)
$(BUILD)/emulated/%.o: bench/kernels/%.c $(EMULATED_DEPS)
	@mkdir -p $(@D)
	@echo "CC $< (emulated)"; $(CC) -I$(EMULATE) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

# Changing stacks by hand is not for sanitizers to follow, nor for an optimizer that looks which
# registers a callee leaves alone (-O2's -fipa-ra).
$(BUILD)/$(EMULATE)/threads.o: CFLAGS += -fno-sanitize=all -O1

# C has no `extern "C"`, and conversions are CUDA's.
$(BUILD)/emulated/%.o: bench/kernels/%.cu $(EMULATED_DEPS)
	@mkdir -p $(@D)
	@echo "CC $< (emulated)"; $(CC) -x c -I$(EMULATE) $(CPPFLAGS) $(CFLAGS) -Wno-conversion -c $< -o $@

$(BUILD)/ranks_mpi.so: $(MPI_SRC) tools/ranks.h base/err.h
	@mkdir -p $(@D)
	@echo "MPICC $< (module)"; OMPI_CC=$(CC) MPICH_CC=$(CC) $(MPICC) -I. $(CSTD) $(WARN) $(OPT) -g \
	    -fPIC -shared $(SAN) $< -o $@

$(BUILD)/tools/fit_%: $(BUILD)/tools/fit_%.o $(LINK)
	@echo "LD $@"; $(CC) $(LDFLAGS) $< $(LINK) $(LDLIBS) -o $@

$(BUILD)/bench/ns3_lte: bench/ns3_lte.cc
	@mkdir -p $(@D)
	@echo "CXX $<"; $(CXX) -std=c++17 -O2 -Wall -Wextra $< -o $@ \
	    $$(pkg-config --cflags --libs $(NS3_PKGS))

$(BUILD)/bench/bench_decoder: $(BUILD)/bench/bench_decoder.o $(call objs,$(KERNEL_SRC)) $(LINK)
	@echo "LD $@"; $(CC) $(LDFLAGS) $< $(call objs,$(KERNEL_SRC)) $(LINK) $(LDLIBS) -o $@

$(BUILD)/bench/%: $(BUILD)/bench/%.o $(LINK)
	@echo "LD $@"; $(CC) $(LDFLAGS) $< $(LINK) $(LDLIBS) -o $@

# More that a room's test program is made of.
TEST_MORE_kernels = $(call objs,$(KERNEL_SRC)) $(EMULATED)

define test_program
$(BUILD)/tests/$(1)_main.c: $(wildcard tests/$(1)/*.c) tests/main.sh
	@mkdir -p $$(@D)
	@sh tests/main.sh $(1) > $$@
$(BUILD)/tests/$(1)_main.o: $(BUILD)/tests/$(1)_main.c
	@echo "CC $$<"; $(CC) $(CPPFLAGS) $(CFLAGS) -c $$< -o $$@
$(BUILD)/tests/test_$(1): $(BUILD)/tests/$(1)_main.o $(call objs,$(call src,tests/$(1))) $$(TEST_MORE_$(1)) $(LINK)
	@echo "LD $$@"; $(CC) $(LDFLAGS) $$(filter %.o,$$^) $(LINK) $(LDLIBS) -lcmocka -o $$@
endef
$(foreach r,$(TEST_ROOMS),$(eval $(call test_program,$(r))))

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
