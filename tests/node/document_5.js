const ws = new WebSocket('ws://localhost:9527/ws');

ws.onopen = () => {
  console.log('WebSocket连接成功');
};

ws.onmessage = (event) => {
  const data = JSON.parse(event.data);
  console.log('收到消息:', data);
  
  // 消息类型
  if (data.type === 'log') {
    // 实时日志
    console.log('日志:', data.data);
  } else if (data.type === 'status') {
    // 状态更新
    console.log('状态:', data.data);
  }
};

ws.onerror = (error) => {
  console.error('WebSocket错误:', error);
};

ws.onclose = () => {
  console.log('WebSocket连接关闭');
};
