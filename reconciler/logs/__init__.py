"""The log: how a line is written (`line`), kept on this disk (`kept`, `keeper`), handed on to whoever collects logs
(`shipper`, `position`, `collector`), and read again (`causes`). Nothing here can hold up, or fail, the loop."""
