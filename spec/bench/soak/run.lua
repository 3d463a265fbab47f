--- The soak: hundreds of clones and cold boots of one QEMU with one kernel, each of which must run
--- a command and end well. One failure is one too many: results.md has what passed.
---
---   build/kavach spec/bench/soak/run.lua [--clones N] [--cold N] [--jobs N] [--qemu FILE]
---                                        [--kernel FILE] [--initrd FILE] [--memory MB]
---
--- Prints each failure as it comes, with the guest's last words, and at the end one line of a
--- table.

local argparse = require "argparse"
local core = require "kavach.core"
local kavach = require "kavach"
local postmortem = require "kavach.sandbox.postmortem"
local version = require "kavach.sandbox.version"

local parser = argparse("spec/bench/soak/run.lua", "Start many sandboxes, and count what fails.")
parser:option("--clones", "How many start as copies of a saved guest."):default "500"
  :convert(math.tointeger)
parser:option("--cold", "How many boot."):default "200":convert(math.tointeger)
parser:option("--jobs", "How many at a time."):default "2":convert(math.tointeger)
parser:option("--memory", "Of each guest, in MiB."):default "512":convert(math.tointeger)
parser:option("--qemu", "The QEMU to run.")
parser:option("--kernel", "The guest's kernel.")
parser:option("--initrd", "The guest's initramfs.")
local args = parser:parse(arg)

-- Does what touches most of the guest: starts processes, side by side, and computes.
local COMMAND <const> = [[
for i in 1 2 3; do
  (dd if=/dev/urandom bs=64k count=2 2>/dev/null | sha256sum) &
done | sort -u | wc -l
uname -r]]

local kernel

local function one(cold)
  local box <close>, why = kavach.sandbox {
    template = not cold, qemu_path = args.qemu, kernel = args.kernel, initrd = args.initrd,
    memory_limit_mb = args.memory, timeout_ms = 120000,
  }
  if not box then return nil, why end
  local warm = box.template.digest ~= nil and not box.template.made
  if not cold and not warm then return nil, "it booted: " .. tostring(box.template.why) end
  local r
  r, why = box:exec(COMMAND)
  if not r then return nil, why end
  kernel = r.stdout:match "^3\n(%S+)\n$"
  if r.exit_code == 0 and r.stderr == "" and kernel then return box.vm.boot_ms end
  return nil, ("exit code %d, %q, %q"):format(r.exit_code, r.stdout, r.stderr)
end

local function many(count, cold)
  local list, failures, times = {}, 0, {}
  for i = 1, count do list[i] = i end
  local begun = core.now()
  kavach.map(list, { concurrency = args.jobs }, function(i)
    local ms, why = one(cold)
    if ms then
      times[#times + 1] = ms
      return
    end
    failures = failures + 1
    io.stderr:write(("%s %d: %s\n"):format(cold and "cold boot" or "clone", i,
      type(why) == "table" and postmortem.report(why) or tostring(why)))
  end)
  table.sort(times)
  return failures, times[#times // 2 + 1] or 0, (core.now() - begun) / 1000
end

local function qemu_version()
  local found = assert(require("kavach.sandbox.qemu").find { qemu_path = args.qemu })
  return assert(version.ask(found))
end

if args.clones > 0 then
  assert(kavach.template.build {
    qemu_path = args.qemu, kernel = args.kernel, initrd = args.initrd,
    memory_limit_mb = args.memory,
  })
end
local clones_failed, clone_ms, clone_s = many(args.clones, false)
local cold_failed, cold_ms, cold_s = many(args.cold, true)
print(("| %s | %s | %d of %d | %d of %d | %d, %d ms | %d s, %d at a time |"):format(qemu_version(),
  kernel or "?", clones_failed, args.clones, cold_failed, args.cold, clone_ms, cold_ms,
  math.ceil(clone_s + cold_s), args.jobs))
os.exit(clones_failed + cold_failed == 0, true)
