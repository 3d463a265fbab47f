local host = require "support.host"
local json = require "kavach.json"
local lfs = require "lfs"
local names = require "kavach.batch.report.names"
local reader = require "support.batch_reader"
local results = require "kavach.batch.report.results"

describe("results as folders", function()
  local top, dir, remove
  before_each(function()
    top, remove = host.folder()
    dir = top .. "/res"
  end)
  after_each(function() remove() end)

  local function ended(id, state, result)
    return { event = "ended", job = id, seq = 1, attempt = 2, slot = 3, tag = "", command = "do it",
      state = state, result = result or { exit_code = 0, stdout = { text = "out\n", bytes = 4 } },
      reason = state ~= "done" and "exit code 3" or nil }
  end

  local in_folder = host.names

  it("are there once a job's last attempt has ended, with all that belongs to it", function()
    local writer = assert(results.open(dir))
    assert(writer:event { event = "begin", batch = "b" })
    assert(writer:event(ended("a/b", "retry")))
    assert.is_nil(lfs.attributes(dir .. "/a%2Fb"))
    assert(writer:event(ended("a/b", "failed", { exit_code = 3, duration_ms = 12, timed_out = false,
      stdout = { text = "out\n", bytes = 4, digest = "xxh128:0" },
      stderr = { text = "", bytes = 0 }, started_ns = reader.BEGAN,
      ended_ns = reader.BEGAN + reader.SECOND })))
    assert(writer:close())
    assert.same({ "a%2Fb" }, in_folder(dir))
    assert.same({ "result.json", "stderr", "stdout" }, in_folder(dir .. "/a%2Fb"))
    assert.equal("out\n", host.slurp(dir .. "/a%2Fb/stdout"))
    assert.equal("", host.slurp(dir .. "/a%2Fb/stderr"))
    local document = assert(json.decode(host.slurp(dir .. "/a%2Fb/result.json")))
    assert.same({ 1, "b", "a/b", "failed", 2, 3, 3, "exit code 3", "do it", 12,
      "2026-11-29T15:00:00.000Z", 4, json.null }, { document.version, document.batch, document.id,
      document.state, document.attempt, document.slot, document.exit_code, document.reason,
      document.command, document.duration_ms, document.started_at, document.stdout.bytes,
      document.signal })
  end)

  it("take the place of older ones of the same job", function()
    local writer <close> = assert(results.open(dir .. "/deep/er"))
    for _, text in ipairs { "old", "new" } do
      assert(writer:event(ended("x", "done", { stdout = { text = text, bytes = 3 } })))
      host.write(dir .. "/deep/er/x/mine", "kept by hand")
      assert.equal(text, host.slurp(dir .. "/deep/er/x/stdout"))
    end
    assert(writer:event(ended("x", "done")))
    assert.same({ "result.json", "stderr", "stdout" }, in_folder(dir .. "/deep/er/x"))
  end)

  it("have large outputs and files as they are, by a link or a copy", function()
    local out = top .. "/out"
    assert(lfs.mkdir(out))
    host.write(out .. "/7.stdout", ("x"):rep(100000))
    assert(lfs.mkdir(out .. "/got"))
    assert(lfs.mkdir(out .. "/got/sub"))
    host.write(out .. "/got/sub/a.png", "PNG")
    assert(lfs.link("/etc/passwd", out .. "/got/sub/link", true))
    local writer <close> = assert(results.open(dir, { folder = out }))
    assert(writer:event(ended("x", "done", { stdout = { path = "7.stdout", bytes = 100000 },
      files_path = "got", files = { { path = "sub", bytes = 3, entries = 2 } } })))
    assert.equal(100000, #host.slurp(dir .. "/x/stdout"))
    assert.equal("PNG", host.slurp(dir .. "/x/files/sub/a.png"))
    assert.equal("/etc/passwd", lfs.symlinkattributes(dir .. "/x/files/sub/link", "target"))
    assert(writer:event(ended("y", "done", { stdout = { path = "/proc/version", bytes = 1 } })))
    assert.equal(host.slurp "/proc/version", host.slurp(dir .. "/y/stdout"))
  end)

  it("do not leave their folder", function()
    local out = top .. "/out"
    assert(lfs.mkdir(out))
    assert(lfs.link(top, out .. "/link", true))
    host.write(out .. "/victim", "v")
    local writer <close> = assert(results.open(dir, { folder = out }))
    for _, path in ipairs { "../victim", "/etc/passwd", "a/../../victim", "", "." } do
      local ok, why = writer:event(ended("x", "done", { files_path = ".",
        files = { { path = path } } }))
      assert.is_nil(ok)
      assert.matches("is no name below files/", why.message, 1, true)
      assert.is_nil(lfs.attributes(dir .. "/x"))
    end
    -- a link is no folder that something could be put into
    local ok = writer:event(ended("x", "done", { files_path = ".",
      files = { { path = "link" }, { path = "link/out/victim" } } }))
    assert.is_nil(ok)
    assert.is_nil(lfs.attributes(dir .. "/x"))
  end)

  it("of one job that cannot be written do not keep others from theirs", function()
    local writer <close> = assert(results.open(dir, { folder = top }))
    local ok, why = writer:event(ended("x", "done", { stdout = { path = "gone", bytes = 1 } }))
    assert.is_nil(ok)
    assert.equal("io", why.kind)
    assert.matches("^the results of job 'x': .*gone: No such file", why.message)
    assert(writer:event(ended("y", "done")))
    assert.is_not_nil(lfs.attributes(dir .. "/y"))
    ok, why = results.open "/proc/nowhere"
    assert.is_nil(ok)
    assert.matches("^/proc/nowhere: ", why.message)
  end)

  it("are put right after one who died while it replaced some", function()
    assert(lfs.mkdir(dir))
    local dead = dir .. "/.kavach-999999999-1"
    for _, path in ipairs { dead, dead .. "/half", dead .. "/.old", dead .. "/.old/x",
      dead .. "/.old/y", dir .. "/y" } do
      assert(lfs.mkdir(path))
    end
    host.write(dead .. "/.old/x/stdout", "before")
    host.write(dead .. "/.old/y/stdout", "before")
    local other <close> = assert(results.open(dir)) -- one that lives is left alone
    local writer <close> = assert(results.open(dir)) -- luacheck: ignore 211
    assert.equal("before", host.slurp(dir .. "/x/stdout"))
    assert.is_nil(host.slurp(dir .. "/y/stdout"))
    assert.is_nil(lfs.attributes(dead))
    assert(other:event(ended("z", "done")))
  end)

  it("have names for ids of all kinds", function()
    local writer <close> = assert(results.open(dir))
    for _, id in ipairs { "../../x", "a\nb", ("é/"):rep(5000), ".", "..", "\xff" } do
      assert(writer:event(ended(id, "done")))
      local document = assert(json.decode(host.slurp(dir .. "/" .. names.folder(id)
        .. "/result.json")))
      assert.equal(utf8.len(id) and id or "\\xff", document.id)
    end
    assert.is_nil(lfs.attributes(top .. "/x"))
  end)

  it("come from a journal as well, all or those that are missing", function()
    local r = reader.new { jobs = {
      { id = "a", spec = { command = "make a" }, attempts = {
        { from = 0, to = 1, state = "failed", exit_code = 1, stdout = { text = "first" } },
        { from = 1, to = 2, stdout = { text = "second" }, stderr = { text = "warning" },
          files = { { path = "x.png", bytes = 3 } } } } },
      { id = "b", state = "failed", reason = "exit code 1", attempts = {
        { from = 0, to = 1, state = "failed", exit_code = 1 } } },
      { id = "c", state = "skipped" },
      { id = "d", state = "running", attempts = { { from = 1, state = "running" } } },
    } }
    local out = top .. "/out"
    for _, path in ipairs { out, out .. "/1-2", out .. "/1-2/files" } do
      assert(lfs.mkdir(path))
    end
    host.write(out .. "/1-2/files/x.png", "PNG")
    assert.equal(2, results.export(r, dir, { folder = out }))
    assert.same({ "a", "b" }, in_folder(dir))
    assert.equal("second", host.slurp(dir .. "/a/stdout"))
    assert.equal("warning", host.slurp(dir .. "/a/stderr"))
    local document = assert(json.decode(host.slurp(dir .. "/a/result.json")))
    assert.same({ "done", 2, "thumbnails", "make a" }, { document.state, document.attempt,
      document.batch, document.command })
    assert.equal("PNG", host.slurp(dir .. "/a/files/x.png"))
    os.remove(dir .. "/b/result.json")
    assert.equal(1, results.export(r, dir, { missing = true }))
    assert.equal(0, results.export(r, dir, { missing = true }))
  end)
end)
