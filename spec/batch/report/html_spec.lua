local err = require "kavach.err"
local host = require "support.host"
local html = require "kavach.batch.report.html"
local lfs = require "lfs"
local markup = require "support.markup"
local reader = require "support.batch_reader"

local HOSTILE <const> = {
  "</style></title><script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "a\n\0\27[31mb",
  ("x"):rep(10240), "\u{202e}evil", "\xff\xfe\u{ffff}", "../../etc/passwd", "]]>&amp;",
}

describe("the HTML report", function()
  local path
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local function written(r, options)
    assert(html.write(r, path, options))
    local text = host.slurp(path)
    return markup.parse(text, true), text
  end

  local function texts(root, tag, name, value)
    local list = {}
    for i, element in ipairs(markup.all(root, tag, name, value)) do
      list[i] = markup.text(element)
    end
    return list
  end

  local function example()
    return reader.new { jobs = {
      { id = "a.png", attempts = {
        { from = 0, to = 1, state = "failed", exit_code = 2 }, { from = 1.5, to = 3 } } },
      { id = "b.png", state = "failed", tag = "large", attempts = { { from = 0, to = 4, slot = 2,
        state = "failed", exit_code = 3, stderr = { text = ("line\n"):rep(30)
          .. "\27[1;31mred\27[0m <b>\27]0;title\7\n10%\r50%\r100%\n" } } } },
      { id = "index", state = "skipped", reason = "it needs 'b.png', which failed" },
    }, runs = {
      { epoch = 1, pid = 1, start = 1, boot_id = "b", jobs = 2, began_ns = reader.BEGAN,
        ended_ns = reader.BEGAN + 4 * reader.SECOND, ending = "failed" },
    } }
  end

  it("tells how the batch stands", function()
    local root = written(example())
    assert.equal("thumbnails: 1 of 3 jobs done, 1 failed, 1 skipped",
      markup.text(markup.all(root, "title")[1]))
    assert.same({ "thumbnails" }, texts(root, "h1"))
    assert.same({ "Attempts over time", "1 job failed", "The slowest 2 jobs", "1 job skipped",
      "Runs" }, texts(root, "h2"))
    assert.same({ "Jobs", "Failed", "Wall time", "Time of all jobs", "Speed-up", "Retries" },
      table.move(texts(root, "dt"), 1, 6, 1, {}))
    assert.same({ "31 done", "11 skipped", "4.0 s", "6.5 s3 attempts", "1.62×with 2 slots", "1" },
      table.move(texts(root, "dd"), 1, 6, 1, {}))
  end)

  it("has failures with their last lines, as text", function()
    local root = written(example())
    assert.same({ "b.png" }, texts(root, "h3"))
    assert.equal("exit code 3 · took 4.0 s · slot 2 · tag large",
      texts(root, "p", "class", "meta")[1])
    local pre = markup.all(root, "pre")
    assert.equal(1, #pre)
    local lines = markup.text(pre[1])
    assert.matches("^line\n.*line\nred <b>\n100%%$", lines)
    assert.equal(20, select(2, (lines .. "\n"):gsub("\n", "")))
  end)

  it("says who is to blame for a job that was skipped, and how runs ended", function()
    local root = written(example())
    local cells = table.concat(texts(root, "td"), "|")
    assert.matches("it needs 'b.png', which failed", cells, 1, true)
    assert.matches("✗ some job failed", cells, 1, true)
  end)

  it("needs nothing from elsewhere, and runs nothing", function()
    local root, text = written(example())
    local policy = markup.all(root, "meta", "http-equiv", "Content-Security-Policy")[1]
    assert.equal("default-src 'none'; style-src 'unsafe-inline'", policy.attributes.content)
    for _, tag in ipairs { "script", "link", "img", "iframe", "object", "a" } do
      assert.same({}, markup.all(root, tag), tag)
    end
    assert.is_nil(text:find "[%a]+://")
    assert.is_nil(text:find "@import")
    for address in text:gmatch "url(%b())" do assert.matches("^%(#p%-%l+%)$", address) end
  end)

  it("shows what came from jobs as text", function()
    local jobs = {}
    for i, id in ipairs(HOSTILE) do
      jobs[#jobs + 1] = { id = id, tag = id, state = "failed", reason = id,
        attempts = { { from = 0, to = i, state = "failed", stderr = { text = id } } } }
      jobs[#jobs + 1] = { id = id .. "2", state = "skipped", reason = id }
    end
    local r = reader.new { jobs = jobs, about = { name = HOSTILE[1], uuid = HOSTILE[2],
      form = "command", source = { [HOSTILE[1]] = HOSTILE[2], n = 1, list = {} } } }
    local root = written(r)
    local _, plain = written(example())
    for _, tag in ipairs { "script", "img", "b" } do
      assert.same({}, markup.all(root, tag), tag)
    end
    assert.equal(HOSTILE[1], texts(root, "h1")[1])
    assert.equal(HOSTILE[1], texts(root, "h3")[1])
    assert.equal("a\\x0a\\x00\\x1b[31mb", texts(root, "h3")[3])
    assert.is_true(#texts(root, "h3")[4] < 200)
    local names = {}
    for _, document in ipairs { root, markup.parse(plain, true) } do
      local function walk(element)
        for name in pairs(element.attributes) do
          if document ~= root then names[name] = true end
          assert.is_nil(name:find "^on", name)
        end
        for _, child in ipairs(element.children) do
          if type(child) == "table" then walk(child) end
        end
      end
      walk(document)
    end
    assert.is_nil(names.href)
  end)

  it("has headings in order, headers of rows and columns, and names of what scrolls", function()
    local root = written(example())
    local levels = {}
    local function walk(element)
      local level = tonumber(element.tag:match "^h(%d)$")
      if level then levels[#levels + 1] = level end
      for _, child in ipairs(element.children) do
        if type(child) == "table" then walk(child) end
      end
    end
    walk(root)
    assert.equal(1, levels[1])
    for i = 2, #levels do
      assert.is_true(levels[i] > 1 and levels[i] <= levels[i - 1] + 1)
    end
    for _, header in ipairs(markup.all(root, "th")) do
      assert.matches("^[cr]o[lw]$", header.attributes.scope)
    end
    assert.equal("en", markup.all(root, "html")[1].attributes.lang)
    local ids = {}
    local function collect(element)
      local id = element.attributes.id
      if id then
        assert.is_nil(ids[id], id)
        ids[id] = true
      end
      for _, child in ipairs(element.children) do
        if type(child) == "table" then collect(child) end
      end
    end
    collect(root)
    local svg = markup.all(root, "svg")[1]
    for id in svg.attributes["aria-labelledby"]:gmatch "%S+" do assert.is_true(ids[id], id) end
    for _, box in ipairs(markup.all(root, "div", "class", "box")) do
      assert.same({ "0", "region" }, { box.attributes.tabindex, box.attributes.role })
      assert.is_true(ids[box.attributes["aria-labelledby"]])
    end
  end)

  it("reads the end of an output that is in a file, wherever that is", function()
    local folder, remove = host.folder()
    host.write(folder .. "/9.stderr", ("é"):rep(100000) .. "\nthe end\n")
    local root = written(reader.new { jobs = { { id = "a", state = "failed", attempts = {
      { from = 0, to = 1, state = "failed", exit_code = 1, stderr = { path = "9.stderr" } } } },
      { id = "b", state = "failed", attempts = {
        { from = 0, to = 1, state = "failed", exit_code = 1, stderr = { path = "gone" } } } } } },
      { folder = folder })
    remove()
    assert.matches("…?\nthe end$", markup.text(markup.all(root, "pre")[1]))
    assert.equal("It wrote nothing.", texts(root, "p", "class", "note")[2])
  end)

  it("can be written of a batch that has not begun", function()
    local root = written(reader.new { runs = {} })
    assert.same({}, markup.all(root, "svg"))
    assert.equal("thumbnails: 0 jobs done", markup.text(markup.all(root, "title")[1]))
  end)

  it("replaces a report when the new one is whole, and what a link leads to", function()
    local ok, why = html.write(example(), "/nowhere/report.html")
    assert.is_nil(ok)
    assert.equal("/nowhere/report.html: No such file or directory", why.message)
    local r = example()
    r.runs = function() return err.fail("io", "the journal is damaged") end
    host.write(path, "before")
    ok, why = html.write(r, path)
    assert.is_nil(ok)
    assert.equal("the journal is damaged", why.message)
    assert.equal("before", host.slurp(path))
    local folder, remove = host.folder()
    host.write(folder .. "/real", "before")
    assert(lfs.link("real", folder .. "/link", true))
    assert(html.write(example(), folder .. "/link"))
    assert.equal("link", lfs.symlinkattributes(folder .. "/link", "mode"))
    assert.matches("^<!DOCTYPE html>", host.slurp(folder .. "/real"))
    remove()
  end)
end)
