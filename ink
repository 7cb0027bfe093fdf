#!/usr/bin/env bash
# Runs Inkstone from a checkout; builds it at the first call.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$root/artifacts/bin/Inkstone.Cli/release/ink
[ -x "$program" ] || dotnet build -c Release "$root/src/Inkstone.Cli" -v quiet -nologo >&2
exec "$program" "$@"
