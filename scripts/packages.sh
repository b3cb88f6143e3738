# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Packages of Debian that are unpacked and not installed: other kernels, another architecture. They
# come from the archive that this machine's apt is set up with, and are checked by apt, with lists of
# their own, so that the machine's stay as they are. Sourced; needs neither root nor an installed
# package of the other architecture.

# Prints the URI of the first Debian archive among apt's sources.
find_archive() {
	# shellcheck disable=SC2016 # apt's own $
	apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(LABEL)' 'Created-By: Packages' \
		2>/dev/null | awk '$2 == "main" && $3 == "Debian" {print $1; exit}'
}

# apt_of STATE TOOL ARGUMENT…: STATE is an absolute path that prepare_apt has made.
apt_of() {
	local state=$1 tool=$2 architecture
	shift 2
	read -r architecture <"$state/architecture" || return
	"$tool" -q -o Dir::Etc::SourceList="$state/sources" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State="$state" -o Dir::State::Status="$state/status" -o Dir::Cache="$state/cache" \
		-o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" \
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false \
		-o Acquire::Retries=2 "$@"
}

# prepare_apt STATE ARCHIVE SUITE ARCHITECTURE: reads the suite's index.
prepare_apt() {
	local key=/usr/share/keyrings/debian-archive-keyring.gpg
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
	: >"$1/status"
	echo "$4" >"$1/architecture"
	[ -f $key ] || key=
	echo "deb [${key:+signed-by=$key }arch=$4] $2 $3 main" >"$1/sources"
	apt_of "$1" apt-get update >"$1/log" 2>&1 </dev/null && ! grep -q '^[EW]: Failed' "$1/log"
}

# Unpacks a package into STATE/tree. unpack STATE PACKAGE
unpack() {
	rm -f "$1"/*.deb
	(cd "$1" && apt_of "$1" apt-get download "$2") >"$1/log" 2>&1 </dev/null || return
	dpkg-deb -x "$1"/*.deb "$1/tree"
}

# Unpacks packages, and all that they depend on, into a directory. unpack_all STATE DIRECTORY PACKAGE…
unpack_all() {
	local state=$1 directory=$2 package
	shift 2
	apt_of "$state" apt-get install -y --download-only --no-install-recommends \
		-o Debug::NoLocking=true "$@" >"$state/log" 2>&1 </dev/null || return
	mkdir -p "$directory"
	for package in "$state"/cache/archives/*.deb; do
		dpkg-deb -x "$package" "$directory" || return
	done
}
