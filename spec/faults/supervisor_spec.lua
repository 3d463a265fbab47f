--- The death of the process that a batch's processes are children of, alone or with its runner.

local batches = require "support.batches"
local core = require "kavach.core"
local host = require "support.host"
local json = require "kavach.json"
local standin = require "support.standin"

-- Its first attempt leaves a process that nothing but SIGKILL ends, in a session of its own; a
-- later one says what has become of that.
local STUBBORN <const> = [[
  if [ "$KAVACH_ATTEMPT" -gt 1 ]; then
    if kill -0 "$(cat stray)" 2>/dev/null; then echo lives; else echo gone; fi
    exit
  fi
  echo here
  setsid sh -c 'trap "" TERM HUP INT; echo $$ >stray.new; mv stray.new stray
    while :; do sleep 60; done' >/dev/null 2>&1 &
  while [ ! -e stray ]; do sleep 0.01; done
  exec sleep 60]]

local SCRIPT <const> = [[
  local batch = require("kavach").batch { name = "orphans", jobs = 2, sandbox = false,
    retry_delay_ms = 1 }
  batch:job { id = "stubborn", command = %q, retries = %d }
  batch:job { id = "only once", command = "[ $KAVACH_ATTEMPT = 1 ] || exit 0; exec sleep 60" }
  batch:job { id = "after", command = "echo after; while [ -e wait ]; do sleep 0.01; done",
    needs = { "stubborn" } }
  return batch
]]

describe("when its supervisor is killed", function()
  local here, running
  before_each(function() here = batches.place() end)
  after_each(function()
    if running then running:close() end
    running = nil
    assert.is_true(here:gone())
    here.remove()
  end)

  local function signal(number, pid) assert(os.execute(("kill -%s %d"):format(number, pid))) end

  -- Starts it; when both jobs run: the numbers of the runner, its supervisor and the stray.
  local function start(retries)
    here:write("script.lua", SCRIPT:format(STUBBORN, retries))
    running = here:start { "script.lua", "--json" }
    assert.is_true(host.eventually(function() return here:read "stray" end))
    local runner = running:pid()
    assert.is_true(host.eventually(function() return #here:processes() >= 3 end))
    return runner, host.supervisor(runner), tonumber(here:read "stray")
  end

  it("with the runner, a batch is resumed when what they left is gone", function()
    local runner, supervisor, stray = start(0)
    signal("STOP", runner)
    signal("KILL", supervisor)
    signal("KILL", runner)
    running:wait()
    assert.is_true(standin.alive(stray))
    local code, _, errors = here:run("resume", "orphans")
    assert.equal(0, code, errors)
    assert.is_false(standin.alive(stray))
    local jobs = here:jobs "orphans"
    local r <close> = here:reader "orphans"
    assert.equal("gone\n", r:output(jobs.stubborn.seq, nil, "stdout").text)
    assert.same({ "interrupted", "done" },
      { jobs.stubborn.tries[1].state, jobs.stubborn.tries[2].state })
  end)

  it("what ran has failed, nothing of it is left, and the batch goes on", function()
    here:write("wait", "")
    local runner, supervisor, stray = start(1)
    signal("KILL", supervisor)
    local text = batches.await(running, '"job":"after"')
    assert.is_false(standin.alive(stray))
    local reasons = {}
    for line in text:gmatch '[^\n]*"event":"ended"[^\n]*' do
      local event = json.decode(line)
      -- Of one that failed so, what was not read yet is lost.
      reasons[#reasons + 1] = { event.job, event.state,
        event.state == "done" and event.stdout or event.reason }
    end
    table.sort(reasons, function(a, b) return a[1] .. a[2] < b[1] .. b[2] end)
    local why = "/bin/sh: the supervisor of this process's children died"
    assert.same({ { "only once", "failed", why }, { "stubborn", "done", "gone\n" },
      { "stubborn", "retry", why } }, reasons)

    -- The next one has the batch's lock as the first had.
    local second = host.supervisor(runner)
    assert.is_number(second)
    assert.not_equal(supervisor, second)
    signal("STOP", second)
    signal("KILL", runner)
    running:wait()
    assert.is_false(core.file_locked(here:path "orphans.lock"))
    signal("CONT", second)
    os.remove(here.folder .. "/wait")
    local code, _, errors = here:run("resume", "orphans", "--failed")
    assert.equal(0, code, errors)
  end)

  it("while nothing runs, the batch goes on", function()
    here:write("script.lua", [[
      local batch = require("kavach").batch { name = "orphans", jobs = 1, sandbox = false,
        retries = 1, retry_delay_ms = 400 }
      batch:job { id = "a", command = "[ $KAVACH_ATTEMPT -gt 1 ]" }
      return batch
    ]])
    running = here:start { "script.lua", "--json" }
    batches.await(running, '"state":"retry"')
    signal("KILL", host.supervisor(running:pid()))
    assert.equal(0, (batches.finish(running)))
  end)
end)
