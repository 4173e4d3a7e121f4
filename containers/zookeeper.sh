#!/bin/sh
# One ZooKeeper of an ensemble: zookeeper.sh NUMBER HOST…, where NUMBER says which of the hosts it is.
set -eu

number=$1
shift
mkdir -p /state/zookeeper
cd /state
printf '%s\n' "$number" >zookeeper/myid
{
    # Sessions may be 2 to 20 ticks long: 2 to 20 s.
    printf '%s\n' tickTime=1000 initLimit=20 syncLimit=10 dataDir=/state/zookeeper clientPort=2181 \
        admin.enableServer=false maxClientCnxns=0 quorumListenOnAllIPs=true \
        autopurge.purgeInterval=1 autopurge.snapRetainCount=5
    member=0
    for host in "$@"; do
        member=$((member + 1))
        printf 'server.%d=%s:2888:3888\n' "$member" "$host"
    done
} >zoo.cfg
printf '%s\n' 'log4j.rootLogger=WARN, err' 'log4j.appender.err=org.apache.log4j.ConsoleAppender' \
    'log4j.appender.err.target=System.err' 'log4j.appender.err.layout=org.apache.log4j.PatternLayout' \
    'log4j.appender.err.layout.ConversionPattern=%d %p %c{1} %m%n' >log4j.properties
# The jar names the others that it needs.
exec java -Xmx256m -XX:+UseSerialGC -cp /state:/usr/share/java/zookeeper.jar \
    org.apache.zookeeper.server.quorum.QuorumPeerMain /state/zoo.cfg
