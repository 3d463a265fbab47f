-- Each option does what it says; those of sandboxes are in sandbox_vm_spec.lua.

local batch = require "support.batch_program"

-- When each attempt of a batch has started, in ms after the first, by the order of their starts.
local function starts(name)
  local reader <close> = batch.journal(name)
  local list = {}
  for attempt in reader:attempts() do list[#list + 1] = attempt.started_ns end
  table.sort(list)
  local first = list[1]
  for i, ns in ipairs(list) do list[i] = (ns - first) / 1000000 end
  return list
end

describe("kavach batch", function()
  setup(batch.setup)
  teardown(batch.teardown)

  it("starts no more than --rate allows", function()
    batch.ok "$K batch --no-sandbox -q --name rate --jobs 4 --rate 50/s --command true 1 2 3 4 5 6"
    local at = starts "rate"
    assert.is_true(at[6] >= 90, table.concat(at, " "))
    batch.ok "$K batch --no-sandbox -q --name free --jobs 4 --halt never --command true 1 2"
  end)

  it("starts none beside another while the load is above --load", function()
    local p <close> = batch.start "$K batch --no-sandbox --name load --jobs 2 --load 0.0001 \\\
      --command '$T/until l{}' 1 2"
    batch.has_begun "l1"
    -- The load of a machine that has just run this is above that; where not, both run.
    local load = tonumber(require("support.host").slurp("/proc/loadavg"):match "^%S+")
    if load > 0.01 then assert.is_false(batch.exists "begun-l2") end
    batch.let_go "l1"
    batch.has_begun "l2"
    batch.let_go "l2"
    assert.equal(0, batch.exit(p))
  end)

  it("ends early when --halt says so", function()
    local code, _, errors = batch.shell "$K batch --no-sandbox --name halt --jobs 1 \\\
      --halt soon,fail=2 --command 'exit {}' 0 1 2 3 4"
    assert.equal(2, code)
    assert.same({ ["0"] = "done", ["1"] = "failed", ["2"] = "failed", ["3"] = "waiting",
      ["4"] = "waiting" }, batch.states "halt")
    assert.matches("draining: --halt soon,fail=2", errors, 1, true)
    assert.matches("to go on: kavach batch resume halt\n$", errors)
  end)

  it("ends what runs when --halt says now", function()
    local code = batch.shell "$K batch --no-sandbox --name now --jobs 2 --halt now,fail=1 \\\
      --command 'if [ {} = 2 ]; then until [ -e begun-n1 ]; do :; done; exit 1; fi; \\\
      $T/until n{}' 1 2"
    assert.equal(2, code)
    assert.same({ ["1"] = "waiting", ["2"] = "failed" }, batch.states "now")
  end)

  it("tries again as often as --retries says, --retry-delay after", function()
    local code, _, errors = batch.shell "$K batch --no-sandbox --name retry --retries 2 \\\
      --retry-delay 20ms --command 'exit {}' 0 9"
    assert.equal(2, code)
    assert.same({ ["0"] = 1, ["9"] = 3 }, batch.tries "retry")
    assert.matches("retry  9: exit code 9, again in 0.0 s  (attempt 1)", errors, 1, true)
    assert.matches("2/2 failed  9: exit code 9  %([%d.]+ s, attempt 3%)", errors)
  end)

  it("ends an attempt after --timeout, with --grace before the kill", function()
    local code, _, errors = batch.shell "$K batch --no-sandbox --name time --timeout 60ms \\\
      --grace 30ms --command 'trap \"\" TERM; sleep 100; : {}' a"
    assert.equal(2, code)
    assert.matches("failed  a: the time was up %(60 ms%)", errors)
  end)

  it("keeps no more than --max-output of a stream, and says so", function()
    assert.equal("xxx", (batch.ok "$K batch --no-sandbox -q --name most --max-output 3 \\\
      --command 'echo xxxxxx' a"))
    local reader <close> = batch.journal "most"
    local output = reader:output(1, nil, "stdout")
    assert.same({ 9, "xxx", true }, { output.bytes, output.text, output.truncated })
  end)

  it("gives jobs an environment, a folder and what they are", function()
    batch.write("vars", "# ours\nB=from file\n")
    assert.equal("one from file / about some.job 1 1\n", (batch.ok "$K batch --no-sandbox -q \\\
      --name about --env A=one --env-file vars --workdir / \\\
      --command 'echo $A $B $PWD $KAVACH_BATCH $KAVACH_JOB $KAVACH_ATTEMPT $KAVACH_SLOT; : {}' \\\
      some.job"))
  end)

  it("runs so many at a time as --jobs says", function()
    local p <close> = batch.start "$K batch --no-sandbox --jobs 3 --command '$T/until j{}' 1 2 3 4"
    for i = 1, 3 do batch.has_begun("j" .. i) end
    batch.let_go "j2"
    batch.has_begun "j4"
    for _, i in ipairs { 1, 3, 4 } do batch.let_go("j" .. i) end
    assert.equal(0, batch.exit(p))
  end)

  it("refuses a job that --total-memory or --total-cpus has no room for", function()
    for line, expected in pairs {
      ["--total-memory 100"] = "it needs 512 MiB of memory, and there are 100 MiB for all jobs",
      ["--total-cpus 0.5 --cpus 2"] = "it needs 2 processors, and there are 0.5 for all jobs",
    } do
      local code, out, errors = batch.shell("$K batch " .. line .. " --command true a")
      assert.same({ 1, "" }, { code, out })
      assert.matches("job 'a': " .. expected, errors, 1, true)
    end
  end)
end)
