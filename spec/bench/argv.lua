--- QEMU's command lines, built from Lua.

local core = require "kavach.core"
local snp = require "kavach.snp"

local COUNT <const> = 200000

-- What `kavach run` asks for, with the counter's rate known: measuring that takes 2 ms.
local function config(more)
  local launch = {
    backend = "tcg", qemu = "/usr/bin/qemu-system-x86_64", cpus = 2, memory_mb = 512,
    kernel = "/usr/share/kavach/guest/vmlinux", initrd = "/usr/share/kavach/guest/initramfs.cpio",
    agent_socket = "agent.sock", qmp_socket = "qmp.sock", console = true, tsc_khz = 2100000,
    shares = {},
  }
  for key, value in pairs(more or {}) do launch[key] = value end
  return launch
end

-- Thousands a second, on the processor's clock: one core's.
local function rates(runs, launch)
  local values = {}
  assert(core.qemu_argv(launch))
  for run = 0, runs do
    local begun = os.clock()
    for _ = 1, COUNT do core.qemu_argv(launch) end
    values[run] = COUNT / (os.clock() - begun) / 1000
  end
  values[0] = nil -- the first does not count
  return values
end

local function line(runs, what, launch)
  return {
    what = what, unit = "k/s", version = "no peer", ours = rates(runs, launch), at_least = 200,
  }
end

return function(runs)
  return {
    line(runs, "QEMU's argv, tcg", config()),
    line(runs, "QEMU's argv, sev-snp", config {
      backend = "sev-snp",
      snp = {
        dialect = "upstream", policy = snp.SEV_SNP_POLICY, cbit = snp.CBIT_POS,
        firmware = "/usr/share/ovmf/OVMF.amdsev.fd", host_data = snp.base64(("\1"):rep(32)),
      },
    }),
  }
end
