-- A batch's display where it is really shown: by a program, on a terminal (tmux's) and off one.

local host = require "support.host"
local json = require "kavach.json"
local program = require "support.program"
local tmux = require "support.tmux"

-- A made-up batch: at each step it waits until the file "DIR/STEP" is there.
local SCRIPT <const> = [==[
package.path = os.getenv "SPEC_PATH" .. ";" .. package.path
local batch = require "support.batch_watch"
local kavach = require "kavach"
local lfs = require "lfs"
local folder, mode = ...

local function step(name)
  while not lfs.attributes(folder .. "/" .. name) do kavach.sleep(5) end
end

local snapshot = batch.snapshot(10)
local watch <close> = assert(require("kavach.cli.batch.watch").open {
  name = "thumbnails", snapshot = function() return snapshot end, json = mode == "json",
  quiet = mode == "quiet", outputs = mode ~= "json" and { tag = true } or nil,
})
watch:event { event = "begin", batch = "thumbnails", total = 10, jobs = 2, time_ns = 1 }
snapshot.counts.done, snapshot.counts.failed = 3, 1
snapshot.running = {
  { job = "日本\27[2J.png", slot = 1, age_ms = 2000, attempt = 1, last_line = ("x"):rep(200) },
  { job = "b.png", slot = 2, age_ms = 61000, attempt = 2, last_line = "50 %" },
}
local result = { duration_ms = 300, exit_code = 3, stdout = { text = "" },
  stderr = { text = "no such picture\n" } }
watch:event(batch.ended("c.png", "failed", { reason = "exit code 3", result = result }))
step "middle"
watch:event(batch.ended("d.png", "done", { result = { duration_ms = 100,
  stdout = { text = "printed\n" }, stderr = { text = "" } } }))
snapshot.counts.done = 4
step "end"
snapshot.running = {}
watch:event { event = "finished", counts = { done = 9, failed = 1, total = 10 },
  duration_ms = 130000, exit_code = 2, ending = "failed", time_ns = 2 }
]==]

local folder, remove

local function go(step) host.write(folder .. "/" .. step, "") end

local function run_line(mode)
  return ("SPEC_PATH='%s' %s %s/batch.lua %s %s"):format(package.path, program.absolute, folder,
    folder, mode or "")
end

describe("a batch that is watched", function()
  before_each(function()
    folder, remove = host.folder()
    host.write(folder .. "/batch.lua", SCRIPT)
  end)
  after_each(function() remove() end)

  describe("on a terminal", function()
    local terminal
    after_each(function() terminal:close() end)

    it("has a block below what stays, at any size, and then the summary", function()
      host.write(folder .. "/run", "export LC_ALL=C.UTF-8 TERM=screen; unset NO_COLOR\n"
        .. ("echo begun; %s; echo over; sleep 100\n"):format(run_line()))
      terminal = tmux.open(folder, ("sh %s/run"):format(folder))
      local stays = "begun\nc.png   no such picture\n✗ c.png: exit code 3, attempt 1, 0.3 s\n"
      assert.equal(stays .. "thumbnails  █████████░░░░░░░░░░░░░░░  4/10  40 %  1 failed\n"
        .. "  1 日本\\x1b[2J.png 2s     " .. ("x"):rep(51) .. "…\n"
        .. "  2 b.png           1m ×2  50 %", terminal:with "50 %")
      terminal:run "resize-window -t spec -x 40 -y 20"
      terminal:with "x…\n  2 b.png       1m ×2  50 %"
      go "middle"
      stays = stays .. "d.png   printed\n"
      assert.equal(stays .. "thumbnails  5/10  50 %  1 failed\n"
        .. "  1 日本\\x1b[2… 2s     " .. ("x"):rep(15) .. "…\n  2 b.png       1m ×2  50 %",
        terminal:with "5/10")
      go "end"
      assert.equal(stays .. "✗ thumbnails: 9 done, 1 failed in 2m 10s\n"
        .. "  kavach batch resume thumbnails --faile\nd\nover", terminal:with "over")
    end)
  end)

  it("off a terminal, has lines, and what jobs print where it belongs", function()
    go "middle"
    go "end"
    local code, out, errors = program.shell(run_line())
    assert.same({ 0, "d.png\tprinted\n" }, { code, out })
    assert.equal([[
kavach: batch thumbnails: begins: 10 jobs, 2 at a time
c.png	no such picture
kavach: batch thumbnails: 1/10 failed  c.png: exit code 3  (0.3 s, attempt 1)
kavach: batch thumbnails: 2/10 done  d.png  (0.1 s)
kavach: batch thumbnails: finished: 9 done, 1 failed in 2m 10s
]], errors)
  end)

  it("has its events on standard output with --json", function()
    go "middle"
    go "end"
    local code, out = program.shell(run_line "json")
    local names = {}
    for line in out:gmatch "[^\n]+" do
      names[#names + 1] = assert(json.decode(line)).event
    end
    assert.same({ 0, { "begin", "ended", "ended", "finished" } }, { code, names })
  end)

  it("does not mind that nobody reads any more", function()
    go "middle"
    go "end"
    local code, _, errors = program.shell(run_line "json" .. " | true")
    assert.equal(0, code)
    assert.matches("finished: 9 done", errors, 1, true)
  end)
end)
