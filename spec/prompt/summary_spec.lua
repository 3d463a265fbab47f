--- What is said of kavach's own objects, while they live and after.

local attest = require "kavach.attest"
local attested = require "support.attested"
local err = require "kavach.err"
local host = require "support.host"
local kavach = require "kavach"
local process = require "kavach.process"
local show = require "kavach.prompt.show"
local standin = require "support.standin"
local task = require "kavach.task"

local function shown(value)
  return show.value(value, { columns = 100 })
end

local function in_a_table(value)
  return show.value({ x = value }, { columns = 100 })
end

describe("of", function()
  describe("a sandbox", function()
    setup(standin.setup)
    teardown(standin.teardown)

    it("there is who and how it is, whatever its state", function()
      local box <close> = assert(kavach.sandbox(standin.options(standin.native(),
        { memory_limit_mb = 96, cpu_limit = 1 })))
      assert.matches(("^sandbox %s: running\n  tcg, not confidential, 1 CPU, 96 MiB, "
        .. "started %%d+s ago, booted in %%d+ ms$"):format(box.id:gsub("-", "%%-")), shown(box))
      assert.equal(("{ x = <sandbox %s: running> }"):format(box.id), in_a_table(box))
      assert(box:pause())
      assert.matches("^sandbox [%d-]+: paused\n", shown(box))
      box:destroy()
      assert.matches("^sandbox [%d-]+: destroyed\n", shown(box))
    end)

    it("that has died there is why", function()
      local box <close> = assert(kavach.sandbox(standin.options(standin.native())))
      box.vm:condemn(err.new("io", "the agent\27[2J is gone"))
      assert.matches("^sandbox [%d-]+: stopped %(the agent\\x1b%[2J is gone%)\n", shown(box))
    end)

    it("pool there is how many wait, and that it is closed", function()
      local pool = assert(kavach.pool { size = 1,
        sandbox = standin.options(standin.native(), { memory_limit_mb = 96 }) })
      assert.equal("pool: 1 are to wait, 0 ready, 1 starting", shown(pool))
      assert.is_true(host.eventually(function() return pool:stats().ready == 1 end))
      assert.equal("pool: 1 are to wait, 1 ready, 0 starting", shown(pool))
      pool:close()
      assert.equal("pool: closed, 1 are to wait, 0 ready, 0 starting", shown(pool))
    end)
  end)

  it("a process there is its number, its program and how it ended", function()
    local one = assert(process.start({ "cat" }, { stdin = "pipe" }))
    assert.equal("process cat: running", shown(one)) -- its number is not waited for
    assert.equal(("process %d cat: running"):format(one:pid()), shown(one))
    one.stdin:close()
    one:wait()
    assert.matches("^process %d+ cat: ended with exit code 0$", shown(one))
    one:close()
    local killed <close> = assert(process.start { "sleep", "1000" })
    killed:pid()
    killed:kill(9)
    killed:wait()
    assert.matches("^process %d+ sleep: ended by signal 9$", shown(killed))
    local none <close> = assert(process.start { "/no/such\27[2J" })
    none:wait()
    assert.matches("^process /no/such\\x1b%[2J: ended: .*No such file", shown(none))
  end)

  it("a task there is how it stands", function()
    local over = task.event()
    local waits = kavach.spawn(function() over:wait() end)
    assert.matches("^task %d+: waiting, spawned 0s ago$", shown(waits))
    waits:cancel()
    assert.matches("^task %d+: being cancelled", shown(waits))
    waits:await()
    assert.matches("^task %d+: cancelled", shown(waits))
    local ended = kavach.spawn(function() end)
    ended:await()
    assert.matches("^{ x = <task %d+: ended, spawned 0s ago> }$", in_a_table(ended))
    local failed
    pcall(kavach.scope, function()
      failed = kavach.spawn(function() error(err.new("io", "gone"), 0) end)
    end)
    assert.matches("^task %d+: failed: gone, ", shown(failed))
  end)

  it("a batch there is how its jobs stand", function()
    local folder, remove = host.folder()
    local restore = host.pretend { XDG_STATE_HOME = folder }
    finally(function()
      restore()
      remove()
    end)
    local batch = kavach.batch { name = "thumbs", sandbox = false }
    batch:job { id = "a", command = { "true" } }
    batch:job { id = "b", command = { "false" } }
    assert.equal("batch thumbs: 2 jobs, not run by this process", shown(batch))
    local during
    assert(batch:run { on_ready = function() during = shown(batch) end })
    assert.equal("batch thumbs: 2 jobs, running: 0 done, 2 left", during)
    assert.equal("batch thumbs: 2 jobs, last run failed: 1 done, 1 failed", shown(batch))
    assert.equal("batch x: jobs of a generator, not run by this process",
      shown(kavach.batch({ name = "x" }):generate(function() end)))
  end)

  it("an error there are its kind, message and operation", function()
    local e = err.new("timeout", "not done\27[2J", { op = "exec" })
    assert.equal("error timeout: not done\\x1b[2J [exec]", shown(e))
    assert.equal("{ x = <error timeout: not done\\x1b[2J [exec]> }", in_a_table(e))
    assert.equal("\27[31merror io: gone\27[0m", show.value(err.new("io", "gone"),
      { colour = true }))
  end)

  it("a result of a command there is what it wrote, as it wrote it", function()
    local result = { exit_code = 3, stdout = "one\n\ttwo\27[2J\n", stderr = "", backend = "tcg",
      duration_ms = 12, timed_out = false, oom_killed = true, version = 1 }
    assert.equal('exit code 3  backend "tcg", duration_ms 12, oom_killed\n'
      .. "stdout, 2 lines, 13 bytes:\n  one\n          two\\x1b[2J", shown(result))
    local long = { exit_code = 0, stdout = ("line\n"):rep(1000), stderr = "e" }
    local text = shown(long)
    assert.matches("\n  …\nstderr, 1 line, 1 byte:\n  e$", text)
    assert.equal(105, select(2, text:gsub("\n", "")) + 1)
    assert.matches("exit_code = 0", in_a_table(long))
    assert.matches("^exit code 0  ", shown(assert(process.exec { "echo", "x" })))
  end)
end)

describe("of what is attested,", function()
  local platform, trust, remove
  setup(function()
    platform, remove = attested.platform "milan"
    trust = assert(attest.trust { emulator = platform })
  end)
  teardown(function() remove() end)

  local function evidence()
    return assert(attest.parse(assert(platform:evidence { report_data = attested.NONCE })))
  end

  it("a report tells what it says", function()
    local report = attested.report { measurement = ("\xab"):rep(48) }
    assert.equal("{ x = <report: version 5, Milan, policy 0x30000, measurement abababababababab…, "
      .. "TCB 0xdb18000000000004, chip 7777777777777777…> }",
      show.value({ x = report }, { columns = 200 }))
    assert.equal(report:to_text(), show.value(report, { columns = 200 }) .. "\n")
    assert.matches("\nmeasurement          abab[ab]+…\n", shown(report))
    local of_json = assert(kavach.report.from_json(assert(report:to_json())))
    assert.matches("^report: version 5, policy 0x30000, measurement abab", shown(of_json))
  end)

  it("evidence tells what it is", function()
    assert.matches("^evidence: JSON bundle, %d certificates, .*SIMULATED$", shown(evidence()))
  end)

  it("a decision is told as kavach verify does", function()
    local decision = attest.verify(evidence(), kavach.policy.development(),
      { trust = trust, now = attested.NOW })
    assert.equal(decision:to_text(), shown(decision) .. "\n")
    assert.equal(decision:to_text { color = true }, show.value(decision, { colour = true }) .. "\n")
    assert.matches("^{ x = <decision: evidence: allowed %(genuine, SIMULATED",
      show.value({ x = decision }, { columns = 200 }))
    local denied = attest.verify("nonsense", nil, { now = attested.NOW })
    assert.equal(denied:to_text(), shown(denied) .. "\n")
  end)

  it("policies tell what they require", function()
    assert.matches("^policy strict, requires .*guest_policy.*vmpl$", shown(kavach.policy.strict()))
    assert.matches("^policy seed%-strict, structural", shown(kavach.policy.seed_strict()))
    assert.matches("^guest policy 0x30000: ABI 0.0 or later, SMT$",
      shown(kavach.guest_policy { smt_allowed = true }))
  end)

  it("what the doctor has found is told as kavach doctor does", function()
    local report = { version = 1, ok = false, checks = {
      { name = "qemu", required = true, state = "missing", found = "there is none",
        command = "apt install qemu" },
      { name = "kvm", required = false, state = "missing", found = "no /dev/kvm", advice = "see" },
    } }
    assert.equal([[
MISSING qemu         there is none
                     $ apt install qemu
missing kvm          no /dev/kvm
                     -> see

Sandboxes do not run here until what is MISSING is put right.]], shown(report))
    report.checks[2].state = "other"
    assert.matches("^{\n  checks = ", shown(report))
  end)

  it("an object that is not whole is shown as the table that it is", function()
    local decision = setmetatable({ checks = 7 }, getmetatable(attest.verify("x")))
    assert.equal("<kavach.Decision> { checks = 7 }", shown(decision))
  end)
end)
