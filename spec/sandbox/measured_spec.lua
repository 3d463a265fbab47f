local config = require "kavach.sandbox.config"
local host = require "support.host"
local kavach = require "kavach"
local measured = require "kavach.sandbox.measured"
local native = require "support.native"
local transfer = require "kavach.sandbox.transfer"
local wire = require "kavach.sandbox.wire"

local EPERM <const>, ENOENT <const> = 1, 2
local LINE <const> = "cat; echo $A in $PWD"
local ENV <const> = { "A=1", "B=" }

describe("An agent with a measured command", function()
  local folder, remove, guest

  local function open(payload)
    return native.open(nil, host.write(folder .. "/command", payload))
  end

  setup(function()
    folder, remove = host.folder()
    guest = open(measured.payload { argv = { LINE }, shell = true, env = ENV, cwd = "/tmp" })
  end)
  teardown(function()
    guest.close()
    remove()
  end)

  it("runs that, more than once, with input or without", function()
    for _ = 1, 2 do
      local exit, out = guest.run(LINE, { env = ENV, cwd = "/tmp" })
      assert.equal(0, exit.exit_code)
      assert.equal("1 in /tmp\n", out)
    end
    local running <close> = guest.start(LINE, { env = ENV, cwd = "/tmp", stdin = true })
    running.stdout:collect(1000)
    running:write "typed "
    running:close_stdin()
    assert(running:wait(20000))
    assert.equal("typed 1 in /tmp\n", (running.stdout:collected()))
  end)

  for what, other in pairs {
    ["another line"] = { LINE .. " ", { env = ENV, cwd = "/tmp" } },
    ["a program instead of the line"] = { { LINE }, { env = ENV, cwd = "/tmp" } },
    ["one word more"] = { { "sh", "-c", LINE }, { env = ENV, cwd = "/tmp" } },
    ["another environment"] = { LINE, { env = { "A=2", "B=" }, cwd = "/tmp" } },
    ["a variable more"] = { LINE, { env = { "A=1", "B=", "C=" }, cwd = "/tmp" } },
    ["one less"] = { LINE, { env = { "A=1" }, cwd = "/tmp" } },
    ["another folder"] = { LINE, { env = ENV, cwd = "/" } },
    ["another user"] = { LINE, { env = ENV, cwd = "/tmp", user = "0" } },
  } do
    it("does not run " .. what, function()
      local exit, why = guest.run(other[1], other[2])
      assert.is_nil(exit)
      assert.equal(EPERM, why.errno)
      assert.matches("this guest runs only its measured command", why.message, 1, true)
    end)
  end

  it("takes no files and mounts nothing, and gives files", function()
    host.write(folder .. "/file", "x")
    local ok, why = transfer.put(guest.agent, folder .. "/file", folder .. "/there", 1024)
    assert.is_nil(ok)
    assert.matches("runs only its measured command", tostring(why), 1, true)
    assert.is_nil(host.slurp(folder .. "/there"))
    assert.is_true(transfer.get(guest.agent, folder .. "/file", folder .. "/here", 1024))
    local told
    transfer.step(guest.agent, require("kavach.sandbox.setup").mount("t", folder, true),
      function(cause) told = cause end)
    assert(guest.agent:ping(20000))
    assert.matches("runs only its measured command", tostring(told), 1, true)
  end)

  it("takes no root of the host's, nor a disk to write to, and goes on with its own", function()
    local set_up = require "kavach.sandbox.setup"
    for step, refusal in pairs {
      [set_up.root({ share = "tag" })] = true, [set_up.root({ disk = "serial" })] = true,
      [set_up.root({}, "scratch")] = true, [set_up.root({})] = false,
    } do
      local told
      local other = open(measured.payload { argv = { "true" }, shell = false, env = {} })
      transfer.step(other.agent, step, function(cause) told = cause end)
      assert(other.agent:ping(20000))
      other.close()
      -- What is no guest has no root to be changed.
      assert.equal(EPERM, told.errno)
      assert.equal(refusal, told.message:find("only its measured command", 1, true) ~= nil)
    end
  end)

  it("runs nothing if the file is not what it should be", function()
    local sound = measured.payload { argv = { "true" }, shell = false, env = {} }
    for _, broken in ipairs { "", "x", sound .. "\0", sound:sub(1, -2),
      string.pack("<I4", wire.WANT_STDIN) .. sound:sub(5) } do
      local other = open(broken)
      local exit, why = other.run { "true" }
      other.close()
      assert.is_nil(exit)
      assert.equal(EPERM, why.errno)
    end
  end)

  it("that there is none of runs anything", function()
    local other = native.open(nil, folder .. "/none")
    local exit, why = other.run { "no-such-program" }
    other.close()
    assert.is_nil(exit)
    assert.equal(ENOENT, why.errno)
  end)
end)

describe("The initramfs of a measured command", function()
  local folder, remove, base
  setup(function()
    folder, remove = host.folder()
    base = host.write(folder .. "/base", "12345") -- what comes behind must be aligned
  end)
  teardown(function() remove() end)

  local function initrd(more)
    local options = { command = { "prog", "a b" }, cwd = "/", env = { X = "1" }, initrd = base }
    for key, value in pairs(more or {}) do options[key] = value end
    return assert(kavach.measured_initrd(options))
  end

  it("is the plain one and an archive that others can read", function()
    local bytes = initrd()
    assert.equal("12345\0\0\0" .. "070701", bytes:sub(1, 14))
    local archive = host.write(folder .. "/archive", bytes:sub(9))
    local list = io.popen(("cpio -t --quiet < %s 2>&1"):format(archive))
    local names = list:read "a"
    assert.is_true(list:close(), names)
    assert.equal("etc\netc/kavach\netc/kavach/command\n", names)
    local content = io.popen(
      ("cpio -i --quiet --to-stdout etc/kavach/command < %s"):format(archive))
    assert.equal(measured.payload { argv = { "prog", "a b" }, shell = false, env = { "X=1" },
      cwd = "/" }, content:read "a")
    content:close()
  end)

  it("is the same for the same options, and another for others", function()
    assert.equal(initrd(), initrd())
    for _, more in ipairs { { command = "prog" }, { command = { "prog", "a", "b" } },
      { cwd = "/x" }, { user = "0" }, { env = { X = "2" } } } do
      assert.not_equal(initrd(), initrd(more))
    end
  end)

  it("needs a command, and knows its options", function()
    assert.error_matches(function() kavach.measured_initrd {} end, "measured.command is required")
    assert.error_matches(function() kavach.measured_initrd { command = "x", comand = 1 } end,
      "did you mean 'command'")
    local bytes, why = kavach.measured_initrd { command = "x", initrd = folder .. "/none" }
    assert.is_nil(bytes)
    assert.matches("No such file", why.message)
  end)
end)

describe("A sandbox's measured command", function()
  local function refused(options)
    local checked, why = config.check(options)
    assert.is_nil(checked)
    return why.message
  end

  it("goes with its transport, and neither without the other", function()
    assert.matches("measured is for transport", refused { measured = { command = "x" } }, 1, true)
    assert.matches("needs measured", refused { transport = "measured" }, 1, true)
    assert.is_table(config.check { transport = "measured", measured = { command = "x" } })
  end)

  it("must be one", function()
    for _, command in ipairs { "", "a\0", {}, { "" }, { "a", 1 }, { "a", "\0" } } do
      assert.matches("measured.command",
        refused { transport = "measured", measured = { command = command } }, 1, true)
    end
  end)

  it("has nothing of the host in its way", function()
    assert.matches("mounts", refused { transport = "measured", measured = { command = "x" },
      mounts = { { source = "/tmp", target = "/m" } } }, 1, true)
  end)
end)

describe("A guest with a measured command #vm", function()
  it("runs that and no other, and its initramfs can be made again", function()
    local command = "echo $A; id -u; ls /etc/kavach"
    local box <close> = assert(kavach.sandbox {
      backend = "tcg", memory_limit_mb = 256, transport = "measured", env = { A = "measured" },
      max_pids = 20, measured = { command = command, cwd = "/tmp" },
    })
    local r = assert(box:exec(command, { cwd = "/tmp" }))
    assert.equal("measured\n0\ncommand\n", r.stdout)
    local other, why = box:exec("id", { cwd = "/tmp" })
    assert.is_nil(other)
    assert.equal("policy_violation", why.kind)
    -- A host that does not keep to it is told so by the guest.
    box.config.measured = nil
    other, why = box:exec("id", { cwd = "/tmp" })
    assert.is_nil(other)
    assert.matches("this guest runs only its measured command", why.message, 1, true)
    assert.equal(host.slurp(box.vm.dir .. "/initrd"), kavach.measured_initrd {
      command = command, cwd = "/tmp", env = { A = "measured" },
    })
  end)
end)
