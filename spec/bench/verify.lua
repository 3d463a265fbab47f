--- Reports verified in one process, by processor time, which is what `openssl speed` counts, too:
--- with what was seen before and not, beside OpenSSL's own P-384 and a bare C program; and on two
--- processors.

local core = require "kavach.core"
local evidence = require "evidence"
local snp = require "kavach.snp"
local support = require "support"
local task = require "kavach.task"

local SECONDS <const> = 1
local BATCH <const> = 64
-- go-sev-guest (af1c107) verified 505 a second at best where openssl's verify did 1168: 1.3 times
-- that is wanted.
local GO_SEV_GUEST <const> = 1.3 * 505 / 1168

--- How often `step` runs in a second of processor time; it returns how many it did.
local function rate(step)
  local begun, count = os.clock(), 0
  repeat count = count + step() until os.clock() - begun >= SECONDS
  return count / (os.clock() - begun)
end

local function one(verifier, given)
  return function()
    verifier:verify(given)
    return 1
  end
end

--- OpenSSL's verifications a second.
local function openssl()
  local out = support.output({ "openssl", "speed", "-seconds", tostring(SECONDS), "ecdsap384" },
    { timeout_ms = 0 })
  return assert(tonumber(out:match "nistp384.*%s([%d.]+)%s*$"), out)
end

--- The bare program's.
local function bare(folder)
  local program = support.program "verify_bare"
  return 1e9 / support.output({ program, folder, tostring(SECONDS) }, { timeout_ms = 0 })
end

--- Verifications a second, by the clock, of so many threads at once; and by processor time.
local function parallel(verifier, given, threads)
  local list, cpu = {}, os.clock()
  for i = 1, BATCH do list[i] = given end
  local workers, begun, count = {}, core.hrtime(), 0
  for i = 1, threads do
    workers[i] = task.spawn(function()
      repeat
        local job = verifier:work(list)
        task.wait(function(done) core.work(job:work(), job, done) end)
        count = count + #job:results()
      until core.hrtime() - begun >= SECONDS * 1e9
    end)
  end
  task.all(workers)
  return count / (core.hrtime() - begun) * 1e9, count / (os.clock() - cpu)
end

--- The same evidence with another certificate of its VCEK each time, by a verifier that has only
--- seen the authorities: verifications a second.
local function renewed(given)
  local verifier = assert(snp.verifier { roots = { given.root } })
  local function with(der)
    local list = table.move(given.certificates, 1, #given.certificates, 1, {})
    list[1] = { role = "vcek", der = der }
    return { report = given.report, certificates = list, now = given.now }
  end
  assert(assert(verifier:verify(given)).genuine)
  local list = {}
  for i, der in ipairs(given.veks) do list[i] = with(der) end
  local begun = os.clock()
  for _, it in ipairs(list) do verifier:verify(it) end
  return #list / (os.clock() - begun)
end

--- What is verified is what is meant: genuine, and nothing of it is remembered without its root.
local function warm_up(known, unknown, given)
  for _ = 1, 8 do assert(assert(known:verify(given)).genuine) end
  local result = assert(unknown:verify(given))
  for _, check in ipairs(result.checks) do
    assert(check.status ~= "fail" or check.id == "ark.trusted", check.id)
  end
end

return function(runs)
  local folder <close> = support.folder()
  local given = evidence.make(folder.path)
  local known, unknown = assert(snp.verifier { roots = { given.root } }), assert(snp.verifier {})
  warm_up(known, unknown, given)
  local version = support.version_of("openssl", "version")
  local seen, speed = support.interleave(runs, function() return rate(one(known, given)) end,
    openssl)
  local fresh, plain = support.interleave(runs, function() return rate(one(unknown, given)) end,
    function() return bare(folder.path) end)
  local new, speed_then = support.interleave(runs, function() return renewed(given) end, openssl)
  local cpu = { {}, {} }
  local function threads(n)
    return function()
      local rate_by_clock, rate_by_cpu = parallel(known, given, n)
      cpu[n][#cpu[n] + 1] = rate_by_cpu
      return rate_by_clock
    end
  end
  local two, single = support.interleave(runs, threads(2), threads(1))
  return {
    { what = "verify a report, its VCEK seen before", peer = "openssl speed ecdsap384, verify",
      unit = "/s", version = version, ours = seen, theirs = speed, at_least = 0.95 },
    { what = "verify with the full chain, nothing known", peer = "a bare C program, same libcrypto",
      unit = "/s", version = version, ours = fresh, theirs = plain, at_least = 0.95 },
    { what = "verify with a new VCEK, ARK and ASK seen before", peer = "openssl speed, verify",
      unit = "/s", version = version, ours = new, theirs = speed_then, at_least = GO_SEV_GUEST },
    { what = "VCEK seen before, two threads, by the clock", peer = "one thread", unit = "/s",
      version = "itself", ours = two, theirs = single, at_least = 1.9,
      parts = { { what = "two threads, for a second of processor time", unit = "/s",
        values = cpu[2] }, { what = "one", unit = "/s", values = cpu[1] } } },
  }
end
