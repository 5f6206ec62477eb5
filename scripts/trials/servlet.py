"""Three Tomcats, each with sessions of its own, behind mode sync on JSESSIONID."""

import os
import sys

from sessions import try_sessions
from stage import Stage
from stage import options

SERVERS = 3
HOME = "/usr/share/tomcat10"
# JSPs are compiled by Tomcat itself.
PAGE = """<%@ page contentType="text/plain" %><%
synchronized (session) {
    Integer count = (Integer) session.getAttribute("count");
    count = count == null ? 1 : count + 1;
    session.setAttribute("count", count);
    out.print(count);
} %>"""
CONFIGURATION = """<Server port="-1">
  <Service name="Catalina">
    <Connector address="127.0.0.1" port="0" protocol="HTTP/1.1" maxThreads="16"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Host name="localhost" appBase="webapps"/>
    </Engine>
  </Service>
</Server>
"""
# Debian's own comes with its service, which is not needed here.
PAGES = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
  <servlet>
    <servlet-name>jsp</servlet-name>
    <servlet-class>org.apache.jasper.servlet.JspServlet</servlet-class>
    <load-on-startup>1</load-on-startup>
  </servlet>
  <servlet-mapping>
    <servlet-name>jsp</servlet-name>
    <url-pattern>*.jsp</url-pattern>
  </servlet-mapping>
</web-app>
"""


def main():
    given = options(
        __doc__,
        {
            "requests": (1000, 200, "requests of the client whose counter is looked at"),
            "restart": (1, 1, "0: HALB is not stopped and started again in the middle"),
        },
    )
    with Stage("servlet") as stage:
        servers = [tomcat(stage, number) for number in range(SERVERS)]
        ports = [port_of(stage, server) for server in servers]
        properties = {"mode": '"sync"', "cookie_name": '"JSESSIONID"', "workers": 2}
        try_sessions(stage, lambda: stage.halb(ports, **properties), "/count.jsp", given)
    return stage.verdict()


def tomcat(stage, number):
    """A Tomcat with one page; it chooses its port itself."""
    base = stage.folder / f"tomcat{number}"
    for folder in ("conf", "logs", "temp", "work", "webapps/ROOT"):
        (base / folder).mkdir(parents=True)
    (base / "conf/server.xml").write_text(CONFIGURATION)
    (base / "conf/web.xml").write_text(PAGES)
    (base / "webapps/ROOT/count.jsp").write_text(PAGE)
    clean = {**os.environ, "CATALINA_HOME": HOME, "CATALINA_BASE": str(base), "CATALINA_OPTS": "-Xmx128m"}
    return stage.start(f"tomcat{number}", [f"{HOME}/bin/catalina.sh", "run"], env=clean)


def port_of(stage, server):
    return int(stage.announced(server, r'Starting ProtocolHandler \["http-nio-127\.0\.0\.1-auto-\d+-(\d+)"\]')[1])


sys.exit(main())
