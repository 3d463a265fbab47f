-- What signals and a closed standard output do to a batch that runs, and that nothing is left
-- running.

local batch = require "support.batch_program"
local host = require "support.host"

local SIGHUP <const>, SIGINT <const>, SIGTERM <const> = 1, 2, 15

-- Starts one of three jobs, of which the first runs; the third word of each is in its processes.
local function start(name, more)
  local marker = host.marker()
  local p, errors = batch.start(("%s exec $K batch --no-sandbox --name %s --jobs 1 --command '\\\n"
    .. "  [ {} != 1 ] || $T/until %s; echo {}; # %s' 1 2 3"):format(more or "", name, name,
    marker))
  batch.has_begun(name)
  return p, errors, marker
end

local function signal(p, number) os.execute(("kill -%d %d"):format(number, p:pid())) end

local function said(errors, text)
  batch.await(function() return errors():find(text, 1, true) end)
end

describe("a batch that runs", function()
  setup(batch.setup)
  teardown(batch.teardown)

  for number, name in pairs { [SIGINT] = "SIGINT", [SIGTERM] = "SIGTERM", [SIGHUP] = "SIGHUP" } do
    it("drains at " .. name .. ": what runs comes to its end, the rest can be resumed", function()
      local id = name:lower()
      local p <close>, errors, marker = start(id)
      signal(p, number)
      said(errors, "draining: interrupted: what runs may come to its end; once more ends it")
      batch.let_go(id)
      assert.equal("1\n", batch.rest(p))
      assert.equal(128 + number, batch.exit(p))
      assert.same({ ["1"] = "done", ["2"] = "waiting", ["3"] = "waiting" }, batch.states(id))
      assert.matches(("finished: 1 done, 2 left in [%%d.]+ s %%(signal %d%%)\n"):format(number)
        .. ("kavach: batch: to go on: kavach batch resume %s\n$"):format(id), errors())
      assert.equal("2\n3\n", (batch.ok("$K batch resume -q " .. id)))
      assert.same({ ["1"] = 1, ["2"] = 1, ["3"] = 1 }, batch.tries(id))
      assert.is_true(host.gone(marker))
    end)
  end

  it("ends what runs at a second one", function()
    local p <close>, errors, marker = start "twice"
    signal(p, SIGINT)
    said(errors, "draining")
    signal(p, SIGTERM)
    assert.equal(128 + SIGINT, batch.exit(p))
    assert.same({}, host.processes(marker))
    assert.same({ ["1"] = "waiting", ["2"] = "waiting", ["3"] = "waiting" }, batch.states "twice")
    assert.matches("cancelling: interrupted again", errors(), 1, true)
    batch.let_go "twice"
    assert.equal("1\n2\n3\n", (batch.ok "$K batch resume -q twice"))
  end)

  it("is gone at once at a third one, and so is all that it has started", function()
    local marker = host.marker()
    -- The job does not end when it is asked to.
    local p <close>, errors = batch.start("exec $K batch --no-sandbox --name thrice --grace 100s \\\
      --command 'trap \"\" TERM INT; $T/until thrice; : {} " .. marker .. "' 1")
    batch.has_begun "thrice"
    for i = 1, 3 do
      signal(p, SIGINT)
      if i == 1 then said(errors, "draining") end
    end
    assert.equal(128 + SIGINT, batch.exit(p))
    assert.is_true(host.gone(marker))
    batch.let_go "thrice"
    batch.ok "$K batch resume -q thrice"
    assert.same({ ["1"] = "done" }, batch.states "thrice")
  end)

  it("does not mind SIGHUP under nohup", function()
    local p <close>, errors = start("nohup", "trap '' HUP;")
    signal(p, SIGHUP)
    signal(p, SIGHUP)
    assert.equal("", (batch.ok "$K batch pause nohup && $K batch continue nohup"))
    batch.let_go "nohup"
    assert.equal("1\n2\n3\n", batch.rest(p))
    assert.equal(0, batch.exit(p))
    assert.not_matches("interrupted", errors())
  end)

  it("ends at once, without a journal, while its script is loaded", function()
    batch.write("loads.lua", [[
      local batch = require "kavach".batch { name = "loads", sandbox = false }
      batch:job { id = "a", command = "touch has-run" }
      io.open("loading", "w"):close()
      while true do end]])
    for _, number in ipairs { SIGINT, SIGTERM } do
      os.remove(batch.folder .. "/loading")
      local p <close> = batch.start "exec $K batch loads.lua"
      batch.await "loading"
      signal(p, number)
      assert.equal(128 + number, batch.exit(p))
      assert.is_false(batch.exists "has-run")
      assert.is_false(batch.exists "state/kavach/batch/loads.db")
    end
  end)

  it("that is stopped before it begins says so, and runs nothing", function()
    local code, _, errors = batch.shell [[$K -e '
      local batch = require "kavach".batch { name = "early", sandbox = false }
      batch:job { id = "a", command = "touch has-run" }
      local list = {}
      local summary = assert(batch:run {
        observe = function(event) list[#list + 1] = event.event end,
        on_ready = function(schedule) schedule:stop("drain", "why not", "signal 2") end,
      })
      assert(summary.exit_code == 130)
      io.stderr:write(table.concat(list, " "))']]
    assert.same({ 0, "begin draining finished" }, { code, errors })
    assert.same({}, batch.states "early")
    assert.is_false(batch.exists "has-run")
  end)

  it("drains when nobody reads what it prints any more", function()
    local code, out, errors = batch.shell "seq 1 300 | { $K batch --no-sandbox --name pipe \\\
      --jobs 1 --command 'echo {}; [ {} = 1 ] || $T/until {}; ' & \
      K1=$!; wait $K1; echo $? >code; } \\\
      | head -n 1 & until [ -e begun-2 ]; do sleep 0.01; done; touch go-all; wait"
    os.remove(batch.folder .. "/go-all")
    batch.await "code"
    assert.same({ 0, "1\n", "141\n" }, { code, out, batch.read "code" })
    assert.matches("draining: standard output: cannot write: Broken pipe", errors, 1, true)
    assert.is_true(batch.states "pipe"["300"] == "waiting")
  end)

  it("starts no more while nobody reads what it prints, and loses nothing of it", function()
    local p <close> = batch.start "exec $K batch --no-sandbox --name slow -q --jobs 2 \\\
      --command 'echo {} >>started; head -c 60000 /dev/zero' $(seq 400)"
    local function started() return select(2, (batch.read "started" or ""):gsub("\n", "")) end
    -- It is behind, and the machine is quiet: no job in a while.
    local before = -1
    batch.await(function()
      local now = started()
      if now > 0 and now == before then return true end
      before = now
      require("kavach").sleep(150)
    end)
    assert.is_true(before < 200, tostring(before))
    assert.equal(400 * 60000, #batch.rest(p))
    assert.equal(0, batch.exit(p))
    assert.equal(400, started())
  end)
end)
