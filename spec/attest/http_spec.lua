local err = require "kavach.err"
local host = require "support.host"
local http = require "kavach.attest.http"
local kavach = require "kavach"
local kds_server = require "support.kds_server"
local program = require "support.program"

describe("an HTTP GET", function()
  if not kds_server.here() then
    pending "luv is not installed, which the server runs on"
    return
  end

  --- Gets "/x" of a server that has these answers.
  local function get(answers, options, more)
    local server <close> = kds_server.start({ ["/x"] = answers }, more)
    local waits = {}
    local o = {
      deadline_ms = kavach.now() + 20000, backoff_ms = 1,
      on_wait = function(_, status, ms) waits[#waits + 1] = { status, ms } end,
    }
    for key, value in pairs(options or {}) do o[key] = value end
    if o.within then o.deadline_ms = kavach.now() + o.within end
    local body, why = http.get(server.url .. "/x", o)
    return body, why, waits, server:requests(), server.url
  end

  it("gives the body, whatever bytes it has", function()
    local bytes = "a\0b\r\n\r\n\255" .. ("x"):rep(300000)
    assert.equal(bytes, (get { { body = bytes } }))
    assert.equal("", (get { { body = "" } }))
    assert.equal("yz", (get { { how = "junk", body = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
      .. "chunked\r\n\r\n1\r\ny\r\n1\r\nz\r\n0\r\n\r\n" } }))
  end)

  it("tries again where the server is busy or failing, longer each time", function()
    local body, _, waits, requests = get({ { status = 429 }, { status = 500 }, { status = 503 },
      { body = "at last" } }, { backoff_ms = 8 })
    assert.equal("at last", body)
    assert.equal(4, #requests)
    for i, status in ipairs { 429, 500, 503 } do
      local most = 8 << (i - 1)
      assert.equal(status, waits[i][1])
      assert.is_true(waits[i][2] >= most / 2 and waits[i][2] <= most, waits[i][2])
    end
  end)

  it("waits as long as Retry-After says, in seconds", function()
    local body, _, waits = get { { status = 429, headers = { "Retry-After: 1" } }, { body = "b" } }
    assert.equal("b", body)
    assert.equal(1, #waits)
    assert.is_true(waits[1][2] >= 1000 and waits[1][2] <= 2000)
  end)

  it("waits as long as Retry-After says, as a date", function()
    local date = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 2)
    local body, _, waits = get { { status = 503, headers = { "Retry-After: " .. date } },
      { body = "b" } }
    assert.equal("b", body)
    assert.is_true(waits[1][2] > 200 and waits[1][2] <= 3000)
  end)

  it("takes a Retry-After that it cannot read, or that is over, for none", function()
    for _, text in ipairs { "soon", "-5", "0", "Mon, 01 Jan 2024 00:00:00 GMT", "",
      "99999999999999999999999" } do
      local body, _, waits = get { { status = 429, headers = { "Retry-After: " .. text } },
        { body = "b" } }
      assert.equal("b", body)
      assert.equal(1, #waits)
      assert.is_true(waits[1][2] <= 1000, text)
    end
  end)

  it("gives up at once where the wait that is asked for is longer than the time left", function()
    for _, seconds in ipairs { "3600", "9223372036854775", "9223372036854775807" } do
      local before = kavach.now()
      local body, why, waits, requests, url = get({ { status = 429,
        headers = { "Retry-After: " .. seconds } } }, { within = 5000 })
      assert.is_nil(body)
      assert.is_true(err.is(why, "timeout"), tostring(why))
      assert.equal(429, why.status)
      assert.equal(url .. "/x", why.url)
      assert.matches("answers 429 and asks to wait for %d+ s, after 1 try; no time is left",
        why.message)
      assert.same({ 0, 1 }, { #waits, #requests })
      assert.is_true(kavach.now() - before < 4000)
    end
  end)

  it("gives up when its time is over, and says after how many tries", function()
    local _, why, waits, requests = get({ { status = 503 } }, { within = 3000, backoff_ms = 50 })
    assert.is_true(err.is(why, "timeout"))
    assert.matches("the server answers 503, after %d+ tr[iy]", why.message)
    assert.equal(503, why.status)
    assert.is_true(#requests > 1 and #requests - #waits <= 1) -- 0: the last wait took too long
    _, why = get({ { body = "b" } }, { within = 0 })
    assert.is_true(err.is(why, "timeout"))
    assert.matches("no time is left", why.message)
  end)

  it("does not try again what is final", function()
    for _, status in ipairs { 400, 401, 403, 404, 410, 204, 304 } do
      local body, why, waits, requests = get { { status = status, body = "" } }
      assert.is_nil(body)
      assert.is_true(err.is(why, "io"))
      assert.equal(status, why.status)
      assert.matches("the server answers " .. status, why.message)
      assert.same({ 0, 1 }, { #waits, #requests })
    end
  end)

  it("follows redirects, but not for ever", function()
    local function to(path, status)
      return { { status = status or 302, headers = { "Location: " .. path } } }
    end
    for _, status in ipairs { 301, 302, 303, 307, 308 } do
      local body, _, _, requests = get(to("/y", status), nil, { ["/y"] = to "/z",
        ["/z"] = { { body = "there" } } })
      assert.equal("there", body)
      assert.same({ "/x", "/y", "/z" }, requests)
    end
    local body, why, _, requests = get(to "/x")
    assert.is_nil(body)
    assert.is_true(err.is(why, "io"))
    assert.matches("redirects", why.message)
    assert.equal(4, #requests)
    for _, elsewhere in ipairs { "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://localhost/" }
    do
      body, why = get(to(elsewhere))
      assert.is_nil(body)
      assert.is_not_nil(why, elsewhere)
      assert.not_matches("root:", why.message)
    end
  end)

  it("refuses an answer that is too large, whether its size is told or not", function()
    local large = ("x"):rep((1 << 20) + 1)
    for _, answer in ipairs { { body = large }, { how = "endless" },
      { how = "trickle", headers = { "Content-Length: 99999999999" } } } do
      local body, why, waits = get({ answer }, { within = 10000 })
      assert.is_nil(body)
      assert.is_true(err.is(why, "io"), tostring(why))
      assert.same({}, waits)
    end
    local _, why = get { { body = large } }
    assert.matches("more than 1048576 bytes", why.message)
    assert.equal(1 << 20, #get { { body = large:sub(2) } })
  end)

  it("does not wait longer than its deadline for a server that says nothing", function()
    for _, how in ipairs { "silent", "trickle" } do
      local before = kavach.now()
      local body, why = get({ { how = how } }, { within = 300 })
      assert.is_nil(body)
      assert.is_true(err.is(why, "timeout"), tostring(why))
      assert.is_true(kavach.now() - before < 5000)
    end
  end)

  it("takes nothing that is cut off or no HTTP", function()
    for _, answer in ipairs { { how = "cut", body = "half" }, { how = "junk", body = "hello" },
      { how = "junk", body = "" }, { how = "junk", body = ("\0"):rep(100000) },
      { how = "junk", body = "HTTP/1.1 200 OK\r\nX: " .. ("y"):rep(400000) .. "\r\n\r\nz" } } do
      local body, why = get({ answer }, { within = 10000 })
      assert.is_nil(body)
      assert.is_true(err.is(why, "io"), tostring(why))
      assert.matches("^http://127%.0%.0%.1:%d+/x: ", why.message)
    end
  end)

  it("says where it could not connect", function()
    local url
    do
      local server <close> = kds_server.start {}
      url = server.url .. "/x"
    end
    local body, why = http.get(url, { deadline_ms = kavach.now() + 5000, backoff_ms = 1 })
    assert.is_nil(body)
    assert.is_true(err.is(why, "io"))
    assert.matches("^http://127%.0%.0%.1:%d+/x: .*[Cc]onnect", why.message)
  end)

  it("refuses a TLS server whose certificate nobody vouches for", function()
    local folder, remove = host.folder()
    assert(os.execute(("openssl req -x509 -newkey rsa:2048 -nodes -keyout %s/key -out %s/cert "
      .. "-days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null"):format(
      folder, folder)))
    local server <close> = assert(kavach.process.start({ "openssl", "s_server", "-accept",
      "127.0.0.1:0", "-cert", folder .. "/cert", "-key", folder .. "/key", "-www" },
      { stdin = "pipe" }))
    local told = ""
    repeat told = told .. assert(server:read()) until told:find "ACCEPT [%d.]+:%d+\n"
    local body, why = http.get(("https://127.0.0.1:%s/"):format(told:match "ACCEPT [%d.]+:(%d+)"),
      { deadline_ms = kavach.now() + 10000, backoff_ms = 1 })
    remove()
    assert.is_nil(body)
    assert.is_true(err.is(why, "io"), tostring(why))
    assert.matches("certificate", why.message)
  end)

  it("lets other tasks go on while it waits", function()
    local turns = 0
    local _, why = kavach.run(function()
      local ticker = kavach.spawn(function()
        while true do
          kavach.sleep(5)
          turns = turns + 1
        end
      end)
      local body, e = get({ { how = "silent" } }, { within = 400 })
      ticker:cancel()
      return body, e
    end)
    assert.is_true(err.is(why, "timeout"))
    assert.is_true(turns >= 10, turns)
  end)

  it("left in the middle does not keep a program that ends", function()
    local server <close> = kds_server.start { ["/x"] = { { how = "silent" } } }
    for _, interpreter in ipairs(host.interpreters()) do
      local script = host.write(os.tmpname(), ([[
        local http, kavach = require "kavach.attest.http", require "kavach"
        kavach.deadline(50, http.get, %q, { deadline_ms = kavach.now() + 90000, backoff_ms = 1 })
        io.write "leaving"
        os.exit(0, true)
      ]]):format(server.url .. "/x"))
      local before = kavach.now()
      local code, out, errors = program.shell(interpreter .. " " .. script)
      os.remove(script)
      assert.same({ 0, "leaving", "" }, { code, out, errors })
      assert.is_true(kavach.now() - before < 20000)
    end
  end)

  it("ends when its task is cancelled", function()
    local server <close> = kds_server.start { ["/x"] = { { how = "silent" } } }
    local before = kavach.now()
    local result, why = kavach.deadline(200, function()
      return http.get(server.url .. "/x", { deadline_ms = kavach.now() + 60000, backoff_ms = 1 })
    end)
    assert.is_nil(result)
    assert.is_true(err.is(why, "timeout"))
    assert.is_true(kavach.now() - before < 10000)
  end)
end)
