local guest = require "support.guest_program"
local task = require "kavach.task"

describe("kavach run in a real virtual machine #vm", function()
  setup(guest.setup)
  teardown(guest.teardown)
  after_each(guest.assert_nothing_left)

  it("runs a command, with its streams and exit code", function()
    local code, out, errors = guest.run({ "uname -s; cat; echo err >&2; exit 7" },
      { real = true, stdin = "typed\n" })
    assert.same({ 7, "Linux\ntyped\n", "err\n" }, { code, out, errors })
  end)

  it("ends with 124 and what was printed when the time is up", function()
    -- The time is for the boot, too, and that takes as long as the machine makes it.
    local begun = task.now()
    assert.equal(0, (guest.run({ "true" }, { real = true })))
    local time = ("%dms"):format(2000 + 2 * (task.now() - begun))
    local code, out = guest.run({ "--timeout", time, "echo before; sleep 60" }, { real = true })
    assert.same({ 124, "before\n" }, { code, out })
  end)

  it("leaves nothing when it is killed by -9 while the command runs", function()
    local p <close> = guest.start({ "echo up; sleep 1000" }, { real = true })
    assert.equal("up\n", p:read())
    assert.is_true(#guest.processes() > 0)
    p:kill(9)
    p:wait()
    guest.assert_nothing_left()
  end)

  it("tells, if asked to, where the guest was not let go", function()
    local code, _, errors = guest.run({ "--verbose", "--allow-host", "host", "--allow-port", "9",
      "nc -w 5 host 10 </dev/null" }, { real = true })
    assert.equal(1, code)
    assert.matches("the network refused 10.0.2.2:10/tcp", errors, 1, true)
  end)

  it("boots with the memory that is said to be enough, and not at all with less than the kernel's",
    function()
      assert.equal(0, (guest.run({ "--memory", "96", "true" }, { real = true })))
      for _, mb in ipairs { "8", "64", "1" } do
        local code, _, errors = guest.run({ "--memory", mb, "true" }, { real = true })
        assert.equal(125, code)
        assert.matches(("memory_limit_mb = %s (--memory) is too little to boot"):format(mb), errors,
          1, true)
        assert.matches("96 are enough for kavach's own", errors, 1, true)
      end
    end)

  it("is an error for a kernel that the guest cannot boot to its agent with", function()
    local other = os.tmpname()
    local file = io.open(other, "wb")
    file:write "not an initramfs"
    file:close()
    local code, _, errors = guest.run({ "--initrd", other, "true" }, { real = true })
    os.remove(other)
    assert.equal(125, code)
    assert.matches("panic", errors, 1, true)
  end)
end)
