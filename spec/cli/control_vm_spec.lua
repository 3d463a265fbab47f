local guest = require "support.guest_program"
local json = require "kavach.json"
local kavach = require "kavach"
local lfs = require "lfs"
local process = require "kavach.process"
local standin = require "support.standin"

--- Runs a shell line in which $K is kavach, with the real QEMU. Its exit code, stdout and stderr.
local function shell(line)
  local env = guest.environment()
  env.K, env.T = guest.kavach, standin.folder
  local r = assert(process.exec({ "bash", "-c", line }, { env = env, timeout_ms = 60000 }))
  assert.is_false(r.timed_out)
  return r.exit_code, r.stdout, r.stderr
end

local function assert_nothing_left()
  guest.assert_nothing_left()
  guest.eventually(function()
    for name in lfs.dir(guest.runtime .. "/kavach") do
      if not name:find "^%.%.?$" then return false end
    end
    return true
  end, "no file is left")
end

describe("a sandbox that lives on in a real virtual machine #vm", function()
  setup(guest.setup)
  teardown(guest.teardown)
  after_each(function()
    shell "$K stop --all --grace 0s"
    assert_nothing_left()
  end)

  it("is started, listed, used by many at once, read and stopped", function()
    assert.same({ 0, "web\n", "" },
      { shell "$K start --name web --memory 128 -- sh -c 'echo started; exec sleep 1000'" })
    local code, out = shell "$K ps --json"
    local box = assert(json.decode(out)).sandboxes[1]
    assert.same({ 0, "web", 128, "sh -c 'echo started; exec sleep 1000'" },
      { code, box.name, box.memory_mb, box.commands[1].command })
    assert.is_true(#guest.processes() > 0) -- QEMU
    local sum
    code, out = shell [[
      head -c 1000000 /dev/urandom >$T/input
      md5sum <$T/input
      $K exec web 'sleep 0.5; md5sum' <$T/input & first=$!
      $K exec web 'md5sum; exit 7' <$T/input
      echo $?; wait $first; echo $?]]
    sum = out:match "^%x+  %-\n"
    assert.same({ 0, sum .. sum .. "7\n" .. sum .. "0\n" }, { code, out })
    assert.same({ 0, "started\n", "" }, { shell "$K logs web" })
    local from = kavach.now()
    assert.same({ 0, "web\n", "" }, { shell "$K stop web --grace 20s" })
    assert.is_true(kavach.now() - from < 15000) -- the guest powered off when it was asked to
    assert_nothing_left()
    assert.same({ 0, "", "" }, { shell "$K ps -q" })
  end)

  it("is gone when its host was killed by -9", function()
    assert.equal(0, (shell "$K start --name web --memory 128"))
    local _, out = shell "$K ps --json"
    local box = assert(json.decode(out)).sandboxes[1]
    assert(os.execute("kill -9 " .. box.host_pid))
    assert_nothing_left()
    assert.is_false(standin.alive(box.qemu_pid))
    assert.same({ 0, "", "" }, { shell "$K ps -q" })
  end)
end)
