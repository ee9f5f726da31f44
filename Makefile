# greenwatch: one Makefile for all rooms. `make help` lists the targets.
# V=1 says everything, O=dir builds elsewhere, DEBUG=1 for gdb, SANITIZE=address,undefined.

VERSION := 0.1.0
O       ?= build
prefix  ?= /usr
CC      ?= cc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PYTHON  ?= /usr/bin/python3

Q   := $(if $(filter 1,$(V)),,@)
say  = $(if $(filter 1,$(V)),,@printf '  %-6s %s\n' $(1) $(2);)

BPF_SRC  := $(wildcard bpf/*.bpf.c)
LIB_SRC  := $(wildcard lib/*.c lib/*/*.c)
CLI_SRC  := $(wildcard cli/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
C_FILES  := $(wildcard bpf/*.[ch] lib/*.[ch] lib/*/*.[ch] cli/*.[ch] tests/*/*.[ch])

BPF_OBJ := $(BPF_SRC:%.c=$(O)/%.o)
LIB_OBJ := $(LIB_SRC:%.c=$(O)/%.o) $(O)/profile.pb-c.o
CLI_OBJ := $(CLI_SRC:%.c=$(O)/%.o)
UNIT    := $(UNIT_SRC:%.c=$(O)/%)
SKEL    := $(O)/probes.skel.h
SCHEMA  := $(O)/schema.h
PAGE    := $(O)/page.h
PAGES   := $(O)/tests/html/page
PROFILE := $(O)/profile.pb-c.c
LIB_A   := $(O)/libgreenwatch.a
LIB_SO  := $(O)/libgreenwatch.so.0
BIN     := $(O)/greenwatch
BENCH   := $(addprefix $(O)/bench/,empty_gate.bpf.o empty_gate bystander echo_load object.so)

WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wswitch-enum \
          $(if $(CI),-Werror)
CFLAGS ?= $(if $(DEBUG),-O0 -g3,-O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2)
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DGW_VERSION='"$(VERSION)"' $(WARN) -MMD -MP -fPIE \
             $(if $(SANITIZE),-U_FORTIFY_SOURCE -fsanitize=$(SANITIZE) -fno-omit-frame-pointer) $(CFLAGS)
LDFLAGS += $(if $(SANITIZE),-fsanitize=$(SANITIZE),-Wl,-z,relro,-z,now) -pie
LIBS    := -lbpf -ldw -lelf -lz -lprotobuf-c -lcjson -liberty -lm

# each room sees only what its -I lets it see
INC_lib   := -I. -Ilib -Ilib/include -isystem $(O) -fPIC -fvisibility=hidden
INC_cli   := -Ilib/include
INC_tests := -I. -Ilib -Ilib/include -Icli

PACKAGES := gcc make pkg-config clang bpftool libbpf-dev libelf-dev libdw-dev libiberty-dev zlib1g-dev libprotobuf-c-dev protobuf-c-compiler libcjson-dev libc6-dev
PACKAGES_RUN  := python3 python3-gevent
PACKAGES_VM   := qemu-system-x86 mmdebstrap kmod busybox-static e2fsprogs cpio xz-utils
PACKAGES_HTML  := chromium fonts-dejavu-core nodejs npm
PACKAGES_PEERS := python3-venv musl
PACKAGES_TEST := libcriterion-dev clang-format clang-tidy python3-jsonschema python3-html5lib python3-junitparser strace protobuf-compiler python3-psycopg2 gunicorn \
	python3-pytest python3-yaml wrk apache2-utils curl sudo

.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

## all: the program and both libraries
all: $(BIN) $(LIB_SO) $(LIB_A)

## deps: installs what is missing of Debian's packages (root)
deps:
	$(Q)sh tests/deps.sh $(PACKAGES) $(PACKAGES_RUN) $(PACKAGES_TEST)

deps-demo:
	$(Q)sh tests/deps.sh $(PACKAGES) $(PACKAGES_RUN)

## demo: builds, then watches a slow gevent service for some seconds (root)
demo: deps-demo
	$(Q)$(MAKE) --no-print-directory $(BIN)
	$(Q)GREENWATCH=$(BIN) sh contrib/demo/demo.sh

## check: all tests: lint, unit, sanitizers, tapes, end to end (root)
check: deps
	$(Q)$(MAKE) --no-print-directory lint test-sanitized test e2e
	$(Q)sh tests/tally.sh show $(O)

$(O)/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 \
		-I/usr/include/$(shell uname -m)-linux-gnu -Wall -Werror -Ibpf -MMD -MP -c $< -o $@

$(SKEL): $(BPF_OBJ)
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen object $(O)/probes.bpf.o $^
	$(Q)$(BPFTOOL) gen skeleton $(O)/probes.bpf.o name probes > $@.tmp && mv $@.tmp $@

$(SCHEMA): docs/greenwatch-report-1.schema.json
	@mkdir -p $(@D)
	$(call say,EMBED,$<)
	$(Q)(printf 'static const char schema_json[] = {\n'; od -An -v -tx1 $< | \
		sed 's/ \(..\)/0x\1,/g'; printf '0 };\n') > $@.tmp && mv $@.tmp $@

# bytes, so that nothing has to be quoted; and the hashes that the page's policy names
$(PAGE): lib/sink/html/page.css lib/sink/html/page.js
	@mkdir -p $(@D)
	$(call say,EMBED,$^)
	$(Q)for f in css js; do \
		printf 'static const char page_%s[] = {\n' $$f; \
		od -An -v -tx1 lib/sink/html/page.$$f | sed 's/ \(..\)/0x\1,/g'; printf '0 };\n'; \
		printf '#define PAGE_%s_SHA256 "%s"\n' $$(echo $$f | tr a-z A-Z) \
			$$(sha256sum lib/sink/html/page.$$f | cut -c1-64 | tr a-f A-F | \
				basenc --base16 -d | base64); \
	done > $@.tmp && mv $@.tmp $@

$(PROFILE): lib/sink/profile.proto
	@mkdir -p $(@D)
	$(call say,PROTO,$<)
	$(Q)protoc-c --proto_path=$(<D) --c_out=$(@D) $<

$(O)/profile.pb-c.o: $(PROFILE)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -fPIC -fvisibility=hidden -I$(O) -c $< -o $@

$(LIB_OBJ): | $(SKEL) $(SCHEMA) $(PROFILE) $(PAGE)
$(O)/lib/source/live.o: $(SKEL)
$(O)/lib/sink/schema.o: $(SCHEMA)
$(O)/lib/sink/html.o: $(PAGE)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(INC_$(firstword $(subst /, ,$<))) -c $< -o $@

# only gw_ is global in what strangers link
$(LIB_A): $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)ld -r -o $(O)/libgreenwatch.o $^ && objcopy --localize-hidden $(O)/libgreenwatch.o
	$(Q)rm -f $@ && $(AR) rcs $@ $(O)/libgreenwatch.o

$(LIB_SO): $(LIB_OBJ) lib/greenwatch.map
	$(call say,LINK,$@)
	$(Q)$(CC) -shared $(filter-out -pie,$(LDFLAGS)) -Wl,-soname,$(@F) \
		-Wl,--version-script,lib/greenwatch.map $(LIB_OBJ) $(LIBS) -o $@

$(BIN): $(CLI_OBJ) $(LIB_A)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LIBS) -o $@

# writes pages out of reports made by hand
$(PAGES): $(O)/tests/html/page.o $(LIB_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LIBS) -o $@

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(LIB_OBJ) $(O)/cli/opts.o $(O)/cli/times.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LIBS) -lcriterion -o $@

## test: unit tests, tapes, symbol check (no root, seconds)
test: $(UNIT) $(BIN) $(LIB_SO) $(PAGES)
	$(Q)sh tests/tally.sh unit $(O) $(UNIT)
	$(Q)$(PYTHON) -B tests/tapes/replay.py --greenwatch $(BIN) --tally $(O)/tally
	$(Q)$(PYTHON) -B tests/html/check.py --greenwatch $(BIN) --pages $(PAGES) --tally $(O)/tally
	$(Q)$(PYTHON) -B tests/reports/reports.py --greenwatch $(BIN) --cache $(O)/reports --tally $(O)/tally \
		$(if $(SANITIZE),--slow)
	$(Q)$(PYTHON) -B tests/reports/ci.py --greenwatch $(BIN) --cache $(O)/reports --tally $(O)/tally
	$(Q)$(PYTHON) -B tests/lab/test_score.py -q
	$(Q)$(PYTHON) -B tests/lab/test_peers.py -q
	$(Q)$(PYTHON) -B tests/causes.py --check
	$(Q)sh tests/symbols.sh $(LIB_SO)
	$(Q)$(PYTHON) -B tests/bpfstack.py $(O)/probes.bpf.o >/dev/null

## test-sanitized: the unit tests and tapes under ASan and UBSan
test-sanitized:
	$(Q)$(MAKE) --no-print-directory O=$(O)/sanitized SANITIZE=address,undefined CFLAGS="-O1 -g" test

## e2e: the real tool on real programs (root, minutes)
e2e: $(BIN)
	$(Q)$(PYTHON) -B tests/e2e/run.py --greenwatch $(BIN) --tally $(O)/tally --again
	$(Q)$(PYTHON) -B tests/lab/score.py --greenwatch $(BIN) --set core --assert --again

## lab: every workload of the laboratory, libraries and servers too; says how well, judges nothing (root, six minutes)
lab: $(BIN)
	$(Q)sh tests/lab/deps.sh
	$(Q)$(PYTHON) -B tests/lab/score.py --greenwatch $(BIN) --set all --again --table $(O)/lab.md

## lab-pythons: its Python workloads on every interpreter, Debian's own in chroots too (root, half an hour)
lab-pythons: $(BIN)
	$(Q)$(PYTHON) -B tests/lab/pythons.py --greenwatch $(BIN) --table $(O)/lab-pythons.md

## compare: greenwatch beside other tools on the same stalls; fetches them (root, a quarter of an hour, a quiet machine)
compare: $(BIN) $(O)/bench/echo_load
	$(Q)sh tests/lab/deps.sh
	$(Q)sh tests/deps.sh $(PACKAGES_PEERS)
	$(Q)$(PYTHON) -B tests/lab/compare.py --greenwatch $(BIN) --peers $(O)/peers --echo-load $(O)/bench \
		--table $(O)/compare.md

## html-test: the HTML page in headless Chromium, by keyboard and mouse; fetches it (root, a minute, the network)
html-test: $(PAGES)
	$(Q)sh tests/deps.sh $(PACKAGES_HTML)
	$(Q)sh tests/html/browse.sh $(PAGES) $(O)/html

## vm-fetch: kernels and an image into the cache of the matrix (root, once)
vm-fetch:
	$(Q)sh tests/deps.sh $(PACKAGES_VM)
	$(Q)sh tests/vm/fetch.sh
	$(Q)sh tests/vm/mkimage.sh >/dev/null

## vm: every kernel with every suite, in QEMU (minutes)
vm: $(BIN)
	$(Q)GREENWATCH=$(BIN) sh tests/vm/matrix.sh

## lint: clang-format, clang-tidy, the doors of third-party libraries
lint: $(SKEL) $(SCHEMA) $(PROFILE) $(PAGE)
	$(Q)sh tests/lint.sh $(O) $(C_FILES)

## format: clang-format in place
format:
	$(Q)clang-format -i $(C_FILES)

## golden: rewrites the expectations of the tapes; read the diff
golden: $(BIN)
	$(Q)$(PYTHON) -B tests/tapes/replay.py --greenwatch $(BIN) --rewrite
	$(Q)$(PYTHON) -B tests/reports/reports.py --greenwatch $(BIN) --rewrite

## docs-causes: rewrites docs/causes/ and lib/rules/texts*.c out of lib/causes.tsv
docs-causes:
	$(Q)$(PYTHON) -B tests/causes.py

$(O)/bench/%.bpf.o: tests/bench/%.bpf.c
	@mkdir -p $(@D)
	$(Q)$(CLANG) -g -O2 -target bpf -mcpu=v3 -I/usr/include/$(shell uname -m)-linux-gnu -Wall -Werror -c $< -o $@

$(O)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -Wall -Wextra -std=gnu11 $< -o $@ -lbpf

$(O)/bench/%.so: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -g -O2 -Wall -shared -fPIC -o $@ $<

## bench-stall: what one stall costs: its thread, the time until it is named, the namer's memory (root)
bench-stall: $(BIN) $(BENCH)
	$(Q)$(PYTHON) -B tests/bench/bench.py --greenwatch $(BIN) --build $(O)/bench --assert stall_cost stall_names namer_rss

## bench: what watching costs (root, ten minutes, a quiet machine)
bench: $(BIN) $(BENCH)
	$(Q)$(PYTHON) -B tests/bench/bench.py --greenwatch $(BIN) --build $(O)/bench --assert

## install: DESTDIR, prefix
install: all
	install -D -m 755 $(BIN) $(DESTDIR)$(prefix)/bin/greenwatch
	install -D -m 755 $(LIB_SO) $(DESTDIR)$(prefix)/lib/libgreenwatch.so.0
	ln -sf libgreenwatch.so.0 $(DESTDIR)$(prefix)/lib/libgreenwatch.so
	install -D -m 644 $(LIB_A) $(DESTDIR)$(prefix)/lib/libgreenwatch.a
	install -D -m 644 lib/include/greenwatch.h $(DESTDIR)$(prefix)/include/greenwatch.h
	install -D -m 644 docs/greenwatch-report-1.schema.json \
		$(DESTDIR)$(prefix)/share/greenwatch/greenwatch-report-1.schema.json
	mkdir -p $(DESTDIR)$(prefix)/lib/pkgconfig
	sed 's|@prefix@|$(prefix)|; s|@version@|$(VERSION)|' greenwatch.pc.in \
		> $(DESTDIR)$(prefix)/lib/pkgconfig/greenwatch.pc

## clean: removes what was built
clean:
	rm -rf $(O)

## help: this list
help:
	@sed -n 's/^## /  /p' Makefile

-include $(PAGES:=.d) $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(BPF_OBJ:.o=.d) $(UNIT:=.d)

.PHONY: all deps deps-demo demo check test test-sanitized e2e lab lab-pythons compare html-test vm vm-fetch lint format golden docs-causes bench bench-stall install clean help
