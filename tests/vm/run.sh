#!/bin/sh
# run.sh KERNEL SECONDS PAYLOAD CMD...: runs CMD as root in a guest with that kernel.
#
# PAYLOAD is a folder, CMD is run in the guest's copy of it. Prints what CMD
# printed, then a line of its own. The status is CMD's, or
#
#   125  no result: QEMU, the boot or the guest failed, or the guest panicked
#   126  CMD passed, but the kernel complained (BUG, WARNING, Oops)
#   137  CMD was killed after SECONDS
#
# The guest has no network and sees nothing of the machine but PAYLOAD; its root
# disk is a throw-away snapshot. Emulated (TCG), so it needs no KVM.
#
#   KEEP=DIR     keeps the console, the guest's dmesg and what CMD left in /run/out
#   APPEND=...   more for the kernel's command line
#   CPUS=1       virtual CPUs; two are not faster when the machine has two and is busy
set -eu
. "$(dirname "$0")/common.sh"

# Without tsc=reliable old kernels leave the TSC under emulation, and clock_gettime becomes a system call.
COMMAND_LINE="console=ttyS0 panic=-1 oops=panic nokaslr mitigations=off nowatchdog \
rcupdate.rcu_cpu_stall_suppress=1 no_timer_check tsc=reliable loglevel=4"
BOOT_S=120
SPLAT='BUG:|Oops:|WARNING:|general protection fault|self-detected stall'

make_disks() {
	mkdir "$work/payload"
	cp -R "$1/." "$work/payload/"
	shift
	printf '%s\n' "$*" >"$work/payload/cmd.sh"
	tar -C "$work/payload" -cf "$work/payload.tar" .
	truncate -s 64M "$work/out.img"
}

# boot SECONDS; QEMU's own status is nothing to go by
boot() {
	timeout -s KILL "$(($1 + BOOT_S))" qemu-system-x86_64 -M q35 -cpu max \
		-accel tcg,thread=multi,tb-size=256 -smp "${CPUS:-1}" -m 1024 \
		-nodefaults -display none -no-reboot -serial "file:$work/console" \
		-kernel "$vmlinuz" -initrd "$dir/initrd.gz" \
		-append "$COMMAND_LINE gw.limit=$1 ${APPEND:-}" \
		-drive "file=$image,format=raw,if=virtio,snapshot=on,cache=unsafe" \
		-drive "file=$work/payload.tar,format=raw,if=virtio,readonly=on" \
		-drive "file=$work/out.img,format=raw,if=virtio,cache=unsafe" \
		>"$work/qemu" 2>&1 &
	qemu=$!
	wait "$qemu" || true
	qemu=
}

unpack_result() {
	mkdir "$work/out"
	tar -C "$work/out" -xf "$work/out.img" 2>/dev/null || true
	[ -z "${KEEP:-}" ] || {
		mkdir -p "$KEEP"
		cp -R "$work/out/." "$work/console" "$KEEP/"
	}
}

# The command line is left out: it contains "stall".
splat() {
	grep -v 'Command line' "$work/out/dmesg" | grep -E -m 3 -A 2 "$SPLAT"
}

# Sets status.
judge() {
	if [ ! -s "$work/out/rc" ]; then
		echo 'no result from the guest; its console ends with'
		tail -n 15 "$work/console" "$work/qemu" 2>/dev/null || true
		status=125
		return
	fi
	cat "$work/out/log"
	status=$(cat "$work/out/rc")
	if splat; then
		echo 'the kernel complained'
		[ "$status" != 0 ] || status=126
	fi
}

clean_up() {
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
	rm -rf "$work"
}

[ $# -ge 4 ] || die 'usage: run.sh KERNEL SECONDS PAYLOAD CMD...' 2
need qemu-system-x86_64 timeout tar
dir=$CACHE/kernels/$1
[ -f "$dir/initrd.gz" ] || die "kernel $1 is not in the cache (run fetch.sh)" 125
vmlinuz=$(find "$dir/root" -name 'vmlinuz*' -type f)
image=$("$VM/mkimage.sh" -n)
[ -f "$image" ] || die "no image in the cache (run mkimage.sh)" 125
qemu=
work=$(mktemp -d "$CACHE/run.XXXXXX")
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

seconds=$2 payload=$3
began=$(date +%s)
shift 3
make_disks "$payload" "$@"
boot "$seconds"
unpack_result
judge
echo "guest: kernel $(cut -d' ' -f1 "$dir/package" | head -n 1), status $status, $(($(date +%s) - began)) s"
exit "$status"
