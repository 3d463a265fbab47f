-- Sandboxes on a host that says it has SEV-SNP, with a stand-in for QEMU: what is chosen and run.

local host = require "support.host"
local lib = require "kavach.snp"
local sandbox = require "kavach.sandbox"
local standin = require "support.standin"
local backend = require "kavach.sandbox.backend"

describe("A sandbox on a host with SEV-SNP", function()
  local before, machine, firmware, qemu

  setup(function()
    standin.setup()
    firmware = host.write(standin.folder .. "/OVMF.fd", require("support.firmware").image())
    -- Tells each of its calls, and answers as QEMU of one dialect or the other.
    qemu = standin.shell(([[
echo "$1" >>'%s/calls'
if [ "$1" = -object ]; then
  echo 'List of user creatable objects:'; echo '  sev-snp-guest'; echo '  memory-backend-memfd'
  [ -e '%s/seed' ] && echo '  memory-backend-memfd-private'
  exit 0
fi
exec '%s' "$@"]]):format(standin.folder, standin.folder, standin.native()))
    before, machine = backend.machine, nil
  end)
  teardown(function()
    backend.machine = before
    standin.teardown()
  end)
  before_each(function()
    os.remove(standin.folder .. "/calls")
    os.remove(standin.folder .. "/seed")
    local snp = setmetatable({
      cpu_sev = function() return { snp = true, guests = 509, sev_from = 100 } end,
      kvm_snp = function() return "Y" end,
      open_kvm = function() return true end,
      run_sev_probe = function()
        return { exit_code = 0, stderr = "",
          stdout = lib.hex(string.pack("<BBBBI4I4I4I8I8", 1, 55, 1, 1, 29, 0, 0, 0, 0)) }
      end,
      smt = function() return true end,
    }, { __index = require("kavach.sandbox.snp").machine })
    machine = setmetatable({ snp = snp, cpu_sev = snp.cpu_sev }, { __index = before })
    backend.machine = machine
  end)

  local function open(more)
    local options = standin.options(qemu, { firmware = firmware })
    options.backend = "auto"
    for key, value in pairs(more or {}) do options[key] = value end
    return sandbox.new(options)
  end

  local function calls()
    local words = {}
    for line in host.slurp(standin.folder .. "/calls"):gmatch "[^\n]+" do
      words[#words + 1] = line
    end
    return words
  end

  it("is confidential, and launched in the words of the QEMU that was found", function()
    local box <close> = assert(open())
    local r = assert(box:exec "echo hi")
    assert.same({ "hi\n", "sev-snp", true }, { r.stdout, r.backend, r.confidential })
    assert.is_true(box.confidential)
    local line = table.concat(box:argv(), " ")
    assert.matches("sev-snp-guest,id=sev0,policy=0x30000,", line, 1, true)
    assert.matches("-bios " .. firmware, line, 1, true)
    assert.not_matches("-virtfs", line, 1, true)
    assert.same({ "-object", "-accel" }, calls())
  end)

  it("of the dialect seed runs its vector and more behind it, and no command by its folder",
    function()
      host.write(standin.folder .. "/seed", "")
      local box <close> = assert(open { guest_policy = 0x30000 })
      local words = box:argv()
      assert.same({ qemu, "-enable-kvm", "-cpu", "EPYC-v4" }, table.move(words, 1, 4, 1, {}))
      assert.matches("^local,path=/.*,mount_tag=task,security_model=none,readonly=on$", words[20])
      assert.equal("hi\n", assert(box:exec "echo hi").stdout)
      assert.is_nil(host.slurp(box.share.dir .. "/task.sh"))
    end)

  it("refuses the dialect's own guest policy before QEMU runs", function()
    host.write(standin.folder .. "/seed", "")
    local box, why = open { backend = "sev-snp" }
    assert.is_nil(box)
    assert.equal("backend_unavailable", why.kind)
    assert.matches("ask for ABI 3.0; this firmware is 1.55", why.message, 1, true)
    assert.same({ "-object" }, calls())
  end)

  it("runs the QEMU that was asked, whatever is at its path since", function()
    local path = host.write(standin.folder .. "/swapped", host.slurp(qemu))
    assert(os.execute(("chmod +x '%s'"):format(path)))
    machine.snp.dialect = function(found)
      os.remove(path)
      host.write(path, "#!/bin/sh\nexit 3\n")
      os.execute(("chmod +x '%s'"):format(path))
      return require("kavach.sandbox.qemu").dialect(found)
    end
    local box <close> = assert(open { qemu_path = path })
    assert.equal("hi\n", assert(box:exec "echo hi").stdout)
    assert.equal(path, box:argv()[1])
  end)

  it("asks QEMU nothing for another backend", function()
    local box <close> = assert(sandbox.new(standin.options(qemu)))
    assert.equal("hi\n", assert(box:exec "echo hi").stdout)
    assert.same({ "-accel" }, calls())
    assert.is_false(box.confidential)
  end)

  it("carries a measured command in its initramfs", function()
    local options = { transport = "measured", measured = { command = "true" } }
    local box <close> = assert(open(options))
    local argv = box:argv()
    local at
    for i, word in ipairs(argv) do at = word == "-initrd" and i + 1 or at end
    assert.equal("initrd", argv[at])
    assert.equal(host.slurp(box.vm.dir .. "/initrd"), require("kavach").measured_initrd {
      command = "true", initrd = standin.initrd,
    })
    assert.is_table(box:exec "true")
    for _, other in ipairs { "false", { "true" } } do
      local r, why = box:exec(other)
      assert.is_nil(r)
      assert.equal("policy_violation", why.kind)
    end
  end)
end)
