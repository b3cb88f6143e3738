# strait: `make help` says what there is.
SHELL       := /bin/bash
CC          ?= gcc
CLANG       ?= clang
BPFTOOL     := $(shell scripts/find-tool bpftool || echo bpftool)
PKG_CONFIG  ?= pkg-config
PREFIX      ?= /usr/local
ARCH        := $(shell uname -m)
BPF_ARCH    := $(if $(filter x86_64,$(ARCH)),x86,$(if $(filter aarch64,$(ARCH)),arm64,$(ARCH)))
BUILD       := build
VERSION     := 0.1.0

# `make ARCH=aarch64 all` elsewhere, with what scripts/install-deps arm64 installs.
ifneq ($(ARCH),$(shell uname -m))
BUILD       := build/$(ARCH)
SYSROOT     := $(CURDIR)/$(BUILD)/sysroot
CC          := $(ARCH)-linux-gnu-gcc --sysroot=$(SYSROOT)
PKG_CONFIG  := PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) PKG_CONFIG_PATH= \
	       PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(ARCH)-linux-gnu/pkgconfig pkg-config
ifeq ($(wildcard $(SYSROOT)/complete),)
$(error no libraries of $(ARCH) in $(SYSROOT): scripts/arm64-sysroot unpacks them for aarch64)
endif
endif

LIBS        := libbpf sqlite3 zlib liblzma libzstd jansson libcap-ng libseccomp
WARNINGS    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	       -Wno-missing-field-initializers
DEFINES     := -D_GNU_SOURCE -DSTRAIT_VERSION='"$(VERSION)"'
CFLAGS      ?= -O2 -g
ALL_CFLAGS   = -std=gnu17 $(CFLAGS) $(WARNINGS) $(DEFINES) -fstack-protector-strong \
	       -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 \
	       -Iuser -Iinclude -I$(BUILD) $(shell $(PKG_CONFIG) --cflags $(LIBS))
# libsupc++: the C++ demangler, linked statically.
ALL_LIBS     = $(shell $(PKG_CONFIG) --libs $(LIBS)) -lsupc++ -lm -lpthread

# core first: bpftool 7.1 gives wrong offsets to maps that it meets as extern before their definition.
# core.bpf.c, which defines the shared maps, is linked first: docs/decisions.md.
BPF_CORE    := bpf/core/core.bpf.c
BPF_SOURCES := $(BPF_CORE) $(filter-out $(BPF_CORE),$(wildcard bpf/core/*.bpf.c bpf/*.bpf.c))
BPF_OBJECTS := $(BPF_SOURCES:%.bpf.c=$(BUILD)/%.bpf.o)
BPF_HEADERS := $(wildcard bpf/core/*.h include/*.h)
BPF_CFLAGS  := -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Werror \
	       -Wno-missing-declarations -Ivmlinux/$(ARCH) -Iinclude -Ibpf
SKELETON    := $(BUILD)/strait.skel.h
# The same programs for kernels that know no types: bpf/core/access.bpf.h.
UNTYPED_SKELETON := $(BUILD)/untyped.skel.h
UNTYPED     := $(BPF_SOURCES:%.bpf.c=$(BUILD)/untyped/%.bpf.o)

SOURCES     := $(shell find user -name '*.c' | sort)
OBJECTS     := $(SOURCES:%.c=$(BUILD)/%.o)
# What the unit tests link: everything but main.
PARTS       := $(filter-out user/main.c,$(SOURCES))
SAN_OBJECTS := $(PARTS:%.c=$(BUILD)/san/%.o)
SAN_FLAGS   := -O1 -g -U_FORTIFY_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	       -fno-omit-frame-pointer
TESTS       := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(shell find tests/unit -name '*_test.c' 2>/dev/null | sort))

# `make V=1` shows whole commands.
Q           := $(if $(V),,@)
say          = @printf '  %-7s %s\n' $(1) $(2)

.DELETE_ON_ERROR:
.PHONY: help all check fuzz lint format bench install uninstall clean test scenarios kernels

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

all: $(BUILD)/strait ## build build/strait (ARCH=aarch64 for that, elsewhere: README.md)

$(BUILD)/strait: $(OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LDFLAGS) $(ALL_LIBS)

# The programs of all families are linked into one object; the skeleton embeds it in the binary.
$(BUILD)/%.bpf.o: %.bpf.c $(BPF_HEADERS)
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/strait.bpf.o: $(BPF_OBJECTS)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(BUILD)/untyped/%.bpf.o: %.bpf.c $(BPF_HEADERS)
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -DKERNEL_UNTYPED -c $< -o $@

$(BUILD)/untyped.bpf.o: $(UNTYPED)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(SKELETON): $(BUILD)/strait.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name strait_bpf >$@

# Both skeletons have one layout (user/capture/untyped.h): only the objects in them differ.
without_object = sed '/elf_bytes(size_t \*sz)$$/,/^}/d'
$(UNTYPED_SKELETON): $(BUILD)/untyped.bpf.o $(SKELETON)
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name strait_bpf >$@
	$(Q)diff <($(without_object) $(SKELETON)) <($(without_object) $@)

# Rows {number, "name"} of the system calls that this architecture's C library knows.
$(BUILD)/syscall_names.h:
	@mkdir -p $(@D)
	echo '#include <sys/syscall.h>' | $(CC) -E -dM - | sort | \
		sed -nE -e '/__NR_(syscalls|arch_specific_syscall) /d' \
		-e 's/^#define __NR_([a-z0-9_]+) .*/{__NR_\1, "\1"},/p' >$@

$(BUILD)/user/%.o: user/%.c | $(SKELETON)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/san/user/%.o: user/%.c | $(SKELETON)
	@mkdir -p $(@D)
	$(call say,CC-SAN,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(SAN_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libsan.a: $(SAN_OBJECTS)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libsan.a
	@mkdir -p $(@D)
	$(call say,TEST,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit $(SAN_FLAGS) -MMD -MP -MF $@.d -o $@ $< $(BUILD)/libsan.a \
		$(ALL_LIBS) $(shell $(PKG_CONFIG) --libs cmocka)

# Objects that include the skeleton must follow it.
$(BUILD)/user/capture/%.o $(BUILD)/san/user/capture/%.o: $(SKELETON)
$(addsuffix user/capture/untyped.o,$(BUILD)/ $(BUILD)/san/ $(BUILD)/fuzz/): $(UNTYPED_SKELETON)
$(BUILD)/user/capture/families/syscall.o $(BUILD)/san/user/capture/families/syscall.o: \
	$(BUILD)/syscall_names.h

# The unwinder under a clock: its programs and one that measures them.
$(BUILD)/bench/unwind.bpf.o: tests/bench/unwind.bpf.c tests/bench/bench.h $(BPF_HEADERS)
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) -Itests/bench -c $< -o $@

$(BUILD)/bench/bench.bpf.o: $(addprefix $(BUILD)/,bpf/core/core.bpf.o bpf/core/stacks.bpf.o \
		bpf/core/tables.bpf.o bpf/core/unwind.bpf.o bpf/core/vma.bpf.o \
		bench/unwind.bpf.o)
	$(Q)$(BPFTOOL) gen object $@ $^

$(BUILD)/bench/bench.skel.h: $(BUILD)/bench/bench.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name bench_bpf >$@

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/bench/bench.skel.h $(PARTS:%.c=$(BUILD)/%.o)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/bench -I$(BUILD)/bench -o $@ $< $(filter %.o,$^) $(LDFLAGS) \
		$(ALL_LIBS)

# What scripts/test-kernels takes into the kernels that it boots. The loader's call is wrapped: what
# is counted is what strait itself loads.
$(BUILD)/kernels/probe: tests/kernels/probe.c $(PARTS:%.c=$(BUILD)/%.o)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -Wl,--wrap=bpf_object__load_skeleton -o $@ $^ $(LDFLAGS) $(ALL_LIBS)

# With libFuzzer, each target so long: what reads strangers' files, what the kernel tells, the command line.
FUZZ_SECONDS := 60
# An empty array's address + 0 is no fault, whatever clang says of NULL.
FUZZ_FLAGS   := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined \
		-fno-sanitize=pointer-overflow
# kernel.c plays libbpf: for the one that decodes what the kernel tells.
FUZZ_PARTS   := $(PARTS) tests/fuzz/parts.c tests/fuzz/rows.c
FUZZ_OBJECTS := $(FUZZ_PARTS:%.c=$(BUILD)/fuzz/%.o)
FUZZERS      := $(patsubst tests/fuzz/%_fuzz.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))

$(BUILD)/fuzz/%.o: %.c | $(SKELETON)
	@mkdir -p $(@D)
	$(call say,CC-FUZZ,$<)
	$(Q)$(CLANG) $(ALL_CFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

$(BUILD)/fuzz/user/capture/%.o: $(SKELETON)
$(BUILD)/fuzz/tests/fuzz/kernel.o $(BUILD)/fuzz/wire: $(SKELETON)
$(BUILD)/fuzz/user/capture/families/syscall.o: $(BUILD)/syscall_names.h

$(BUILD)/fuzz/parts.a: $(FUZZ_OBJECTS)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/fuzz/wire: $(BUILD)/fuzz/tests/fuzz/kernel.o
$(BUILD)/fuzz/perf_map $(BUILD)/fuzz/jit_dump: tests/fuzz/generated.h
$(BUILD)/fuzz/%: tests/fuzz/%_fuzz.c tests/fuzz/parts.h tests/fuzz/kernel.h $(BUILD)/fuzz/parts.a
	$(call say,FUZZ,$<)
	$(Q)$(CLANG) $(ALL_CFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $(filter %.c %.o %.a,$^) $(ALL_LIBS)

fuzz: $(FUZZERS) ## what reads strangers' input, FUZZ_SECONDS (60) each (install-deps fuzz)
	tests/fuzz/run $(FUZZ_SECONDS) $(FUZZERS)

check: $(TESTS) ## unit tests, with address and undefined-behaviour sanitizers
	@failed=0; for t in $(TESTS); do $$t || failed=1; done; exit $$failed

test: ## everything: unit tests, integration tests, scenarios (as root)
	./scripts/test

scenarios: all ## every scenario under tests/scenarios, with the table of what was found (as root)
	tests/scenarios/run

kernels: all ## strait on Debian's kernels, 5.10 to the newest, in QEMU (scripts/install-deps kernels)
	scripts/test-kernels

lint: ## layers, formatting, static analysis
	scripts/check-layers
	scripts/lint

format: ## rewrite C sources in the project's format
	git ls-files '*.c' '*.h' | grep -v '^vmlinux/' | xargs clang-format -i

bench: all $(BUILD)/bench/unwind $(BUILD)/bench/files ## figures beside peers, written to docs/performance.md (as root, on a quiet machine)
	tests/bench/run
	tests/bench/stacks

install: all ## install under PREFIX (/usr/local)
	install -D -m 755 $(BUILD)/strait $(DESTDIR)$(PREFIX)/bin/strait
	install -D -m 644 docs/strait.8 $(DESTDIR)$(PREFIX)/share/man/man8/strait.8

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/strait $(DESTDIR)$(PREFIX)/share/man/man8/strait.8

print-%:
	@: $(info $($*))

clean: ## remove build/
	rm -rf $(BUILD)

-include $(shell find $(addprefix $(BUILD)/,user san tests fuzz) -name '*.d' 2>/dev/null)
